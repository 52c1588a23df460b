package image

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/internal/build/inputs"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
)

// A program is a service's Go program for one platform.
type program struct {
	context  string // the build context
	platform string // as BuildKit spells it
}

// out is the file that it is compiled into.
func (p program) out() string {
	return filepath.Join(p.context, "bin", filepath.FromSlash(p.platform), filepath.Base(p.context))
}

// compile builds the Go program of each service into bin/PLATFORM of its context, where the Dockerfile finds it with
// TARGETPLATFORM, unless nothing has changed since it was built. It runs on the host, since a build context of
// ./modules/NAME cannot reach shared code. -trimpath and no VCS stamps: the same source gives the same bytes, and an
// unchanged service keeps its image.
func (b Builder) compile(ctx context.Context, services []string) error {
	if len(b.folders(services)) == 0 {
		return nil
	}
	engine, err := b.Client.Platform(ctx)
	if err != nil {
		return err
	}
	step, n := b.UI.Step("compiling services", ""), 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range b.programs(services, engine) {
		c := b.compiler(p)
		if b.watch(p.out()).Changed(madeBy(c)) == "" {
			continue
		}
		n++
		g.Go(func() error { return b.compileOne(ctx, p.out(), c) })
	}
	if n == 0 {
		step.Drop()
		return nil
	}
	step.Done("compiled %s", english.Plural(n, "program", ""))
	return step.End(g.Wait())
}

func (b Builder) compiler(p program) run.Cmd {
	return run.Cmd{
		Name: "go",
		Args: []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", p.out(), "."},
		Dir:  p.context,
		Env:  append(append(b.Project.Settings.Environ(), "CGO_ENABLED=0", "GOFLAGS="), goPlatform(p.platform)...),
	}
}

// goPlatform says to the Go command what BuildKit says with a platform.
func goPlatform(platform string) []string {
	parts := append(strings.Split(platform, "/"), "", "")
	arch, level := parts[1], strings.TrimPrefix(parts[2], "v")
	env := []string{"GOOS=" + parts[0], "GOARCH=" + arch}
	switch {
	case level == "":
	case arch == "arm":
		env = append(env, "GOARM="+min(level, "7"))
	case arch == "amd64":
		env = append(env, "GOAMD64=v"+level)
	case arch == "arm64":
		env = append(env, "GOARM64=v"+level+".0")
	}
	return env
}

func (b Builder) compileOne(ctx context.Context, out string, c run.Cmd) error {
	name := filepath.Base(out)
	b.UI.Trace("compiling %s", b.Project.Rel(out))
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

// programs returns the Go programs of the services. engine is the engine's own platform.
func (b Builder) programs(services []string, engine string) []program {
	var all []program
	for _, name := range services {
		for _, folder := range b.folders([]string{name}) {
			for _, platform := range inputs.Spelt(b.platforms(name), engine) {
				all = append(all, program{folder, platform})
			}
		}
	}
	slices.SortFunc(all, func(x, y program) int { return strings.Compare(x.out(), y.out()) })
	return slices.Compact(all)
}

// folders returns the build contexts of the services that have a Go program.
func (b Builder) folders(services []string) []string {
	if b.Project.GoModules == "" {
		return nil
	}
	var folders []string
	for _, name := range services {
		folder := b.Project.Compose.Services[name].Build.Context
		rel, inside := project.Inside(b.Project.GoModules, folder)
		if _, err := os.Stat(filepath.Join(folder, "main.go")); inside && rel != "." && err == nil {
			folders = append(folders, folder)
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// Programs returns the programs of the services that are compiled, for whatever platform.
func (b Builder) Programs(services []string) []string {
	var found []string
	for _, folder := range b.folders(services) {
		_ = filepath.WalkDir(filepath.Join(folder, "bin"), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && entry.Name() == filepath.Base(folder) {
				found = append(found, path)
			}
			return nil
		})
	}
	return found
}

// platforms returns what a service is built for; see inputs.Platforms.
func (b Builder) platforms(service string) []string {
	return inputs.Platforms(b.Project.Compose.Services[service], b.lookup, b.push)
}

func (b Builder) lookup(name string) (string, bool) {
	value, ok := b.Project.Compose.Environment[name]
	return value, ok
}
