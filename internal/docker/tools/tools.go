// Package tools builds the programs that the targets need beside themselves: Compose, Buildx and
// the linter in fixed versions, and IM2's own helpers, which run in containers. Each is kept in the
// project's .im2, or in the user's cache folder where that is not writable.
package tools

import (
	"context"
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// modulePath is the path of this module.
const modulePath = "github.com/im2-audio/im2"

// pinned has copies of tools/go.mod and tools/go.sum: module zips leave that nested module out, and it
// is not below this folder. A test compares them.
//
//go:generate cp ../../../tools/go.mod pinned/mod.txt
//go:generate cp ../../../tools/go.sum pinned/sum.txt
//go:embed pinned
var pinned embed.FS

// Tool is a program of others that is built from source.
type Tool struct {
	// Name is the program's file name, without its version.
	Name string
	// Module and Package are its Go module and main package.
	Module, Package string
	// Version is the module's, as tools/go.mod requires it; a test compares them.
	Version string
	// VersionVar is the variable that the program reports as its version, set by the
	// linker; Compose refuses a Buildx that reports none.
	VersionVar string
}

const (
	composeModule = "github.com/docker/compose/v5"
	buildxModule  = "github.com/docker/buildx"
	linterModule  = "github.com/golangci/golangci-lint/v2"
)

// The tools: Docker Compose, Docker Buildx and golangci-lint.
var (
	Compose = Tool{"docker-compose", composeModule, composeModule + "/cmd", "v5.6.0", composeModule + "/internal.Version"}
	Buildx  = Tool{"docker-buildx", buildxModule, buildxModule + "/cmd/buildx", "v0.38.2", buildxModule + "/version.Version"}
	Linter  = Tool{"golangci-lint", linterModule, linterModule + "/cmd/golangci-lint", "v2.15.0", "main.version"}
)

// Kit builds programs for the project in Home.
type Kit struct {
	// Home is the folder whose .im2 keeps them. The helpers are built in its Go module.
	Home string
	// Runner runs the Go command.
	Runner run.Runner
	// UI is told what goes on.
	UI *term.UI

	sources string // where IM2's source is; "" finds it
	alone   bool   // sources is also the module to build in: this is im2, and the project need not have one
	pins    fs.FS  // pinned/mod.txt and pinned/sum.txt; nil has the embedded ones
}

// source returns the folder of IM2's source: the checkout, or its place in the module cache. It is "" if the
// targets were compiled on another machine, or with -trimpath, and not in a checkout.
func (k Kit) source() string {
	if k.sources != "" {
		return k.sources
	}
	folder := k.Home // with -trimpath the name of this file is no path
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		folder = filepath.Join(filepath.Dir(file), "..", "..", "..")
	}
	text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil || modfile.ModulePath(text) != modulePath {
		return ""
	}
	return folder
}

func (k Kit) folders() []string {
	folders := []string{engine.ToolsFolder(k.Home)}
	if user := engine.UserFolder(k.Home, os.Environ()); user != "" {
		folders = append(folders, filepath.Join(user, "tools"))
	}
	return folders
}

func (k Kit) find(name string) string {
	for _, folder := range k.folders() {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// make builds a program in the first folder that this user may write, and returns its path. build writes the
// program to a file in a folder that is removed afterwards.
func (k Kit) make(name string, build func(folder, out string) error) (string, error) {
	var err error
	for _, folder := range k.folders() {
		if err = makeIn(folder, name, build); err == nil {
			return filepath.Join(folder, name), nil
		}
		if !engine.Unwritable(err) {
			break
		}
	}
	return "", err
}

// makeIn builds beside the program's place and renames it: an interrupted build must not look done, and another
// run may be using the place. Because of the dot it is not taken for a plugin meanwhile.
func makeIn(folder, name string, build func(folder, out string) error) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	unfinished, err := os.MkdirTemp(folder, ".building-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(unfinished) }() // what stays is hidden and harmless
	out := filepath.Join(unfinished, name)
	if err := build(unfinished, out); err != nil {
		return err
	}
	if err := os.Chmod(out, 0o755); err != nil {
		return err
	}
	return os.Rename(out, filepath.Join(folder, name))
}

func exeSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// Has reports whether a tool has been built.
func (k Kit) Has(t Tool) bool { return k.find(t.Name+"-"+t.Version+exeSuffix()) != "" }

// Build builds a tool unless it is there already, and returns its path.
func (k Kit) Build(ctx context.Context, t Tool) (string, error) {
	name := t.Name + "-" + t.Version + exeSuffix()
	if path := k.find(name); path != "" {
		return path, nil
	}
	k.UI.Trace("building %s %s (once, about a minute)", t.Name, t.Version)
	step := k.UI.Step("building "+t.Name+" (once, about a minute)", "built "+t.Name+" "+t.Version)
	path, err := k.make(name, func(folder, out string) error {
		return k.buildTool(ctx, t, folder, out)
	})
	if err = step.End(err); err != nil {
		return "", exit.Errorf(exit.Missing, "building %s %s: %w", t.Name, t.Version, ExplainGo(err))
	}
	return path, dropOthers(path, t.Name)
}

// buildTool builds in a temporary module with all versions and checksums of tools/go.mod. "go install
// PACKAGE@VERSION" refuses Compose, whose go.mod excludes versions, and would take other versions.
func (k Kit) buildTool(ctx context.Context, t Tool, folder, out string) error {
	pins := k.pins
	if pins == nil {
		pins = pinned
	}
	module := filepath.Join(folder, "module")
	if err := os.Mkdir(module, 0o700); err != nil {
		return err
	}
	for name, pin := range map[string]string{"go.mod": "pinned/mod.txt", "go.sum": "pinned/sum.txt"} {
		text, err := fs.ReadFile(pins, pin)
		if err == nil {
			err = os.WriteFile(filepath.Join(module, name), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return k.Runner.Run(ctx, run.Cmd{
		Name: "go",
		Args: []string{"build", "-trimpath", "-ldflags=-s -w -X " + t.VersionVar + "=" + t.Version, "-o", out, t.Package},
		Dir:  module,
		Env:  append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off"),
	})
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
