package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// compile builds the Go program of each service into bin/ of its context, unless nothing has changed since it
// was built. It runs on the host, since a build context of ./modules/NAME cannot reach shared code. -trimpath
// and no VCS stamps: the same source gives the same bytes, and an unchanged service keeps its image.
func (b Builder) compile(ctx context.Context, services []string) error {
	programs := b.Programs(services)
	if len(programs) == 0 {
		return nil
	}
	platform, err := b.Client.Platform(ctx)
	if err != nil {
		return err
	}
	progress := b.UI.Progress("compiling services", 0, term.Seconds)
	defer progress.Done()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, out := range programs {
		c := b.compiler(out, platform)
		if b.watch(out).Changed(madeBy(c)) == "" {
			continue
		}
		g.Go(func() error { return b.compileOne(ctx, out, c) })
	}
	return g.Wait()
}

func (b Builder) compiler(out, platform string) run.Cmd {
	_, arch, _ := strings.Cut(platform, "/")
	return run.Cmd{
		Name: "go",
		Args: []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, "."},
		Dir:  filepath.Dir(filepath.Dir(out)),
		Env: append(b.Project.Settings.Environ(),
			"CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS="),
	}
}

func (b Builder) compileOne(ctx context.Context, out string, c run.Cmd) error {
	name := filepath.Base(out)
	b.UI.Note("compiling %s", b.Project.Rel(out))
	began := time.Now()
	if err := b.Runner.Run(ctx, c); err != nil {
		return fmt.Errorf("compiling service %s: %w", name, tools.ExplainGo(err))
	}
	// A umask of 077 here must not make it a program that only root can run there.
	if err := os.Chmod(out, 0o755); err != nil {
		return exit.Errorf(exit.Failed, "compiling service %s: %w", name, err)
	}
	if err := b.remember(ctx, began, out, c); err != nil && ctx.Err() == nil {
		b.UI.Note("%s will be compiled again next time: %v", name, err)
	}
	return nil
}

// Programs returns the files that the Go programs of the services are compiled into.
func (b Builder) Programs(services []string) []string {
	if b.Project.GoModules == "" {
		return nil
	}
	var programs []string
	for _, name := range services {
		folder := b.Project.Compose.Services[name].Build.Context
		rel, inside := project.Inside(b.Project.GoModules, folder)
		if _, err := os.Stat(filepath.Join(folder, "main.go")); inside && rel != "." && err == nil {
			programs = append(programs, filepath.Join(folder, "bin", filepath.Base(folder)))
		}
	}
	slices.Sort(programs)
	return slices.Compact(programs)
}
