// Package tools builds the programs that tools/go.mod pins (Compose, Buildx, the
// linter) into the project's own folder, once for each version.
package tools

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// Tool is a program that tools/go.mod pins.
type Tool struct {
	// Name is the program's file name, without its version.
	Name string
	// Module and Package are its Go module and main package.
	Module, Package string
	// VersionVar is the variable that the program reports as its version, set by the
	// linker; Compose refuses a Buildx that reports none.
	VersionVar string
}

// Compose is Docker Compose.
func Compose() Tool {
	const module = "github.com/docker/compose/v5"
	return Tool{Name: "docker-compose", Module: module, Package: module + "/cmd", VersionVar: module + "/internal.Version"}
}

// Buildx is Docker Buildx.
func Buildx() Tool {
	const module = "github.com/docker/buildx"
	return Tool{Name: "docker-buildx", Module: module, Package: module + "/cmd/buildx", VersionVar: module + "/version.Version"}
}

// Linter is golangci-lint.
func Linter() Tool {
	const module = "github.com/golangci/golangci-lint/v2"
	return Tool{Name: "golangci-lint", Module: module, Package: module + "/cmd/golangci-lint", VersionVar: "main.version"}
}

// Kit builds tools for the IM2 checkout in Home.
type Kit struct {
	// Home is the folder of the checkout.
	Home string
	// Runner runs the Go command.
	Runner run.Runner
	// UI is told what goes on.
	UI *term.UI
}

// Path returns where the pinned version of a tool is, or would be, and that version.
func (k Kit) Path(t Tool) (path, version string, err error) {
	file := filepath.Join(k.Home, "tools", "go.mod")
	text, err := os.ReadFile(file) //nolint:gosec // the checkout's own file
	if err != nil {
		return "", "", exit.Errorf(exit.Unusable, "reading the pinned tools: %w", err)
	}
	mod, err := modfile.ParseLax(file, text, nil)
	if err != nil {
		return "", "", exit.Errorf(exit.Unusable, "reading the pinned tools: %w", err)
	}
	for _, r := range mod.Require {
		if r.Mod.Path == t.Module {
			return filepath.Join(engine.ToolsFolder(k.Home), t.Name+"-"+r.Mod.Version+exeSuffix()), r.Mod.Version, nil
		}
	}
	return "", "", exit.Errorf(exit.Unusable, "%s does not pin %s", file, t.Module)
}

func exeSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// Build builds a tool unless it is there already, and returns its path.
func (k Kit) Build(ctx context.Context, t Tool) (string, error) {
	path, version, err := k.Path(t)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	k.UI.Note("building %s %s (once, about a minute)", t.Name, version)
	progress := k.UI.Progress("building "+t.Name, 0, term.Seconds)
	defer progress.Done()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // programs that everybody may run
		return "", exit.Errorf(exit.Failed, "building %s: %w", t.Name, err)
	}
	// Linked beside its place and renamed: an interrupted build must not look done.
	// The dot keeps it from being taken for a plugin meanwhile.
	unfinished := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	defer os.Remove(unfinished) //nolint:errcheck // gone when all went well
	err = k.Runner.Run(ctx, run.Cmd{
		Name: "go",
		Args: []string{"build", "-trimpath", "-ldflags=-s -w -X " + t.VersionVar + "=" + version, "-o", unfinished, t.Package},
		Dir:  filepath.Join(k.Home, "tools"),
		Env:  append(os.Environ(), "CGO_ENABLED=0"),
	})
	if err != nil {
		return "", exit.Errorf(exit.Missing, "building %s %s: %w", t.Name, version, ExplainGo(err))
	}
	if err := os.Rename(unfinished, path); err != nil {
		return "", fmt.Errorf("building %s: %w", t.Name, err)
	}
	return path, dropOthers(path, t.Name)
}

// dropOthers removes other versions of a tool: only one can be the plugin of its name.
func dropOthers(path, name string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return exit.Errorf(exit.Failed, "looking for older versions of %s: %w", name, err)
	}
	for _, e := range entries {
		if e.Name() == filepath.Base(path) || !strings.HasPrefix(e.Name(), name+"-v") {
			continue
		}
		if err := os.Remove(filepath.Join(filepath.Dir(path), e.Name())); err != nil {
			return exit.Errorf(exit.Failed, "removing an older version of %s: %w", name, err)
		}
	}
	return nil
}
