package tools

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// ownPins are those of a tool that says its version, and of one that does not compile.
const ownPins = `
-- pinned/sum.txt --
-- pinned/mod.txt --
module tools

go 1.26

require (
	example.org/tuner v1.2.0
	example.org/broken v1.0.0
)

replace (
	example.org/tuner => HOME/tuner
	example.org/broken => HOME/broken
)
-- tuner/go.mod --
module example.org/tuner
-- tuner/cmd/main.go --
package main

var version = "none"

func main() { print(version) }
-- broken/go.mod --
module example.org/broken
-- broken/main.go --
package main

func main() { nothing }
`

// TestAToolIsBuiltOnceAndReplacesItsOlderVersions builds as "mage setup" builds Compose and Buildx.
func TestAToolIsBuiltOnceAndReplacesItsOlderVersions(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for _, f := range txtar.Parse([]byte(strings.ReplaceAll(ownPins, "HOME", home))).Files {
		write(t, filepath.Join(home, filepath.FromSlash(f.Name)), f.Data)
	}
	folder := engine.ToolsFolder(home)
	older, other := filepath.Join(folder, "tuner-v1.1.9"), filepath.Join(folder, "tuner-of-another-v1.0.0")
	write(t, older, nil)
	write(t, other, nil)
	ui, _, notes := term.Test()
	kit := Kit{pins: os.DirFS(home), Home: home, Runner: run.Local{}, UI: ui}

	tuner := Tool{Name: "tuner", Module: "example.org/tuner", Package: "example.org/tuner/cmd", Version: "v1.2.0", VersionVar: "main.version"}
	path, err := kit.Build(t.Context(), tuner)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Stderr = &said // where print writes
	if err := cmd.Run(); err != nil || said.String() != "v1.2.0" {
		t.Errorf("%s says it is %q: %v", path, said.String(), err)
	}
	if _, err := os.Stat(older); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the older version is still there: %v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("another tool is gone: %v", err)
	}

	write(t, path, []byte("as it was left"))
	notes.Reset()
	if again, err := kit.Build(t.Context(), tuner); err != nil || again != path || notes.Len() > 0 {
		t.Errorf("built a second time: %q, %v, %s", again, err, notes)
	}

	before := names(t, folder)
	_, err = kit.Build(t.Context(), Tool{Name: "broken", Module: "example.org/broken", Package: "example.org/broken", Version: "v1.0.0", VersionVar: "main.version"})
	if err == nil || exit.Outermost(err).(*exit.Error).Code != exit.Missing { //nolint:errorlint // Outermost returns no other type
		t.Errorf("a tool that does not compile: %v", err)
	}
	if after := names(t, folder); !slices.Equal(before, after) {
		t.Errorf("it left %q, where %q was", after, before)
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
