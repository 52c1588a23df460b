package tools

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// A folder that is missing in Sources would leave a program stale when it changes.
func TestSourcesAreAllThatTheProgramIsMadeOf(t *testing.T) {
	t.Parallel()
	home, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []Own{Helper, Measure, SpoolBench, Mage} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}", own.Package)
		cmd.Dir = home
		cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, dir := range strings.Fields(string(out)) {
			rel, err := filepath.Rel(home, dir)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, filepath.ToSlash(rel))
		}
		slices.Sort(want)
		if got := slices.Sorted(slices.Values(own.Sources)); !slices.Equal(got, want) {
			t.Errorf("%s is made of %q, not %q", own.Name, want, got)
		}
	}
}

func TestAnOwnProgramIsBuiltWhenItsSourceChanges(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.org/x\n\ngo 1.26\n")
	write("go.sum", "")
	write("cmd/main.go", "package main\n\nfunc main() {}\n")
	write("cmd/main_test.go", "package main\n")
	ui, _, said := term.Test()
	kit := Kit{sources: home, Home: home, Runner: run.Local{}, UI: ui}
	own := Own{Name: "x", Package: "example.org/x/cmd", Sources: []string{"cmd"}}
	build := func() string {
		t.Helper()
		path, err := kit.BuildOwn(t.Context(), own, "linux", "amd64")
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
			t.Fatalf("%v, %v", info, err)
		}
		return path
	}
	first := build()
	write("cmd/main_test.go", "package main // a test is no part of it\n")
	if second := build(); second != first || strings.Count(said.String(), "compiling") != 1 {
		t.Errorf("built again without need: %s, then %s; %s", first, second, said)
	}
	write("cmd/main.go", "package main\n\nfunc main() { println() }\n")
	if third := build(); third == first {
		t.Error("not built again after a change")
	}
	if _, err := os.Stat(first); err != nil {
		t.Errorf("the older build is gone while it may be in use: %v", err)
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(first, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	write("cmd/main.go", "package main\n\nfunc main() { println(1) }\n")
	build()
	if _, err := os.Stat(first); err == nil {
		t.Error("yesterday's build is still there")
	}
	write("cmd/main.go", "no Go\n")
	if _, err := kit.BuildOwn(t.Context(), own, "linux", "amd64"); err == nil {
		t.Error("what does not compile was built")
	}
	if left, _ := filepath.Glob(filepath.Join(home, ".im2", "tools", ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
