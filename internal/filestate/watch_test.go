package filestate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// project is a folder with two source files, a module file and a result; one more file is not
// there. w remembers what the result was made from.
func project(t *testing.T) (root string, w Watch) {
	t.Helper()
	root = t.TempDir()
	for _, name := range []string{"src/a.go", "src/b.go", "src/sub/c.go", "go.mod", "out"} {
		write(t, filepath.Join(root, name), "1")
	}
	return root, Watch{Path: filepath.Join(t.TempDir(), "new", "watch.json"), Base: root}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// record remembers as if everything had been made a minute from now: ctime cannot be set back.
func record(t *testing.T, root string, w Watch) {
	t.Helper()
	err := w.Record(time.Now().Add(time.Minute), []string{"A=1", "B=2"},
		[]string{filepath.Join(root, "src")}, []string{filepath.Join(root, "go.mod"), filepath.Join(root, "go.work")}, filepath.Join(root, "out"))
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryChangeIsSeen(t *testing.T) {
	t.Parallel()
	env := []string{"A=1", "B=2"}
	cases := []struct {
		name   string
		change func(root string, w Watch) error
		env    []string
		want   string
	}{
		{"none", func(string, Watch) error { return nil }, env, ""},
		{"content", func(r string, _ Watch) error { return os.WriteFile(r+"/src/a.go", []byte("22"), 0o600) }, env, "src/a.go changed"},
		{"content of the same size", func(r string, _ Watch) error { return os.WriteFile(r+"/src/a.go", []byte("2"), 0o600) }, env, "src/a.go changed"},
		{"a file that is removed", func(r string, _ Watch) error { return os.Remove(r + "/src/b.go") }, env, "src/b.go changed"},
		{"a file that is added", func(r string, _ Watch) error { return os.WriteFile(r+"/src/z.go", nil, 0o600) }, env, "src/z.go changed"},
		{"a file that was not there", func(r string, _ Watch) error { return os.WriteFile(r+"/go.work", nil, 0o600) }, env, "go.work changed"},
		{"a single file that is removed", func(r string, _ Watch) error { return os.Remove(r + "/go.mod") }, env, "go.mod changed"},
		{"a mode", func(r string, _ Watch) error { return os.Chmod(r+"/src/a.go", 0o700) }, env, "src/a.go changed"},
		{"another file of that name", func(r string, _ Watch) error { return os.Rename(r+"/src/b.go", r+"/src/a.go") }, env, "src/a.go changed (+1 more)"},
		{"the result", func(r string, _ Watch) error { return os.WriteFile(r+"/out", []byte("2"), 0o600) }, env, "out changed"},
		{"no result", func(r string, _ Watch) error { return os.Remove(r + "/out") }, env, "out changed"},
		{"no folder", func(r string, _ Watch) error { return os.RemoveAll(r + "/src") }, env, "no such file"},
		{"a folder further down, not", func(r string, _ Watch) error { return os.WriteFile(r+"/src/sub/c.go", []byte("2"), 0o600) }, env, ""},
		{"another environment", func(string, Watch) error { return nil }, []string{"A=1", "B=3"}, "the environment that it was made in changed"},
		{"an environment with other borders", func(string, Watch) error { return nil }, []string{"A=1B=2"}, "the environment that it was made in changed"},
		{"damage", func(_ string, w Watch) error { return os.WriteFile(w.Path, []byte("{"), 0o600) }, env, "nobody knows"},
		{"nothing remembered", func(_ string, w Watch) error { return os.Remove(w.Path) }, env, "nobody noted"},
		{"an empty note", func(_ string, w Watch) error { return os.WriteFile(w.Path, nil, 0o600) }, env, "nobody knows"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root, w := project(t)
			record(t, root, w)
			time.Sleep(20 * time.Millisecond) // more than the granularity of a file system's clock
			if err := c.change(root, w); err != nil {
				t.Fatal(err)
			}
			got := w.Changed(c.env)
			if c.want == "" && got != "" || c.want != "" && !strings.Contains(filepath.ToSlash(got), c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatChangedJustNowIsNotRemembered(t *testing.T) {
	t.Parallel()
	root, w := project(t)
	record(t, root, w)
	out := filepath.Join(root, "out")
	// The same, but begun just now: what was read may have been changed since.
	if err := w.Record(time.Now(), nil, []string{filepath.Join(root, "src")}, nil, out); err != nil {
		t.Fatal(err)
	}
	if got := w.Changed(nil); !strings.Contains(got, "made just now") {
		t.Errorf("got %q", got)
	}
	if err := w.Record(time.Now(), nil, []string{filepath.Join(root, "nowhere")}, nil, out); err == nil {
		t.Error("a folder that is not there is no error")
	}
	if got := (Watch{}).Changed(nil); got == "" {
		t.Error("what is remembered nowhere counts as unchanged")
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(mtime, ctime time.Duration) State {
		return State{Size: 1, Modified: now.Add(mtime).UnixNano(), Changed: now.Add(ctime).UnixNano()}
	}
	for name, c := range map[string]struct {
		state State
		want  bool
	}{
		"long ago":                 {at(-time.Hour, -time.Hour), true},
		"just long enough":         {at(-2*time.Second, -2*time.Second), true},
		"just now":                 {at(-time.Second, -time.Hour), false},
		"touched just now":         {at(-time.Hour, -time.Second), false},
		"in the future":            {at(time.Hour, -time.Hour), false},
		"its ctime is not known":   {State{Modified: now.Add(-time.Hour).UnixNano()}, true},
		"a clock that jumped back": {at(-time.Hour, time.Hour), false},
	} {
		if c.state.Settled(now) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
	one, other := at(-time.Hour, -time.Hour), at(-time.Hour, -time.Minute)
	other.Inode = 7
	if !one.LooksSame(other) || one == other {
		t.Error("other ctimes and inodes count for tools that do not look at them, or not for us")
	}
	other.Size++
	if one.LooksSame(other) || (State{}).LooksSame(State{}) {
		t.Error("other sizes, or nothing, look the same")
	}
}
