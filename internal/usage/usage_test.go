package usage

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/magefile/mage/parse"
)

const magefiles = "../../magefiles"

func read(t *testing.T) *Usage {
	t.Helper()
	u, err := Read(os.DirFS(magefiles))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestMageReadsTheSame compares what is read with what Mage's own parser reads.
func TestMageReadsTheSame(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(magefiles, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	var names []string
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	info, err := parse.PrimaryPackage("go", magefiles, names, true)
	if err != nil {
		t.Fatal(err)
	}
	u := read(t)
	if len(u.Targets) != len(info.Funcs) {
		t.Errorf("read %d targets, Mage %d", len(u.Targets), len(info.Funcs))
	}
	for _, f := range info.Funcs {
		got, ok := u.Find(f.Name)
		if !ok {
			t.Errorf("%s was not read", f.Name)
			continue
		}
		var words []string
		var flags []Flag
		for _, a := range f.Args {
			if a.Optional {
				flags = append(flags, Flag{a.Name, a.Type, a.Comment})
			} else {
				words = append(words, a.Name)
			}
		}
		if !slices.Equal(got.Words, words) || !slices.Equal(got.Flags, flags) {
			t.Errorf("%s: read %v %v, Mage %v %v", f.Name, got.Words, got.Flags, words, flags)
		}
		if !strings.Contains(f.Comment, got.Synopsis) || got.Synopsis == "" || !strings.Contains(f.Comment, got.More) {
			t.Errorf("%s: read %q, Mage %q", f.Name, got.Synopsis+"\n"+got.More, f.Comment)
		}
	}
	for alias, f := range info.Aliases {
		if got, ok := u.Find(alias); !ok || got.Name != alias || got.Mage != strings.ToLower(f.Name) {
			t.Errorf("alias %s was read as %+v", alias, got)
		}
	}
}

func TestEachTargetIsInOneGroup(t *testing.T) {
	t.Parallel()
	u := read(t)
	seen := make(map[string]string)
	for _, g := range u.Groups() {
		if g.Title == "more" {
			t.Errorf("in no group: %v; add them to Groups", g.Targets)
		}
		for _, name := range g.Targets {
			if before, twice := seen[name]; twice {
				t.Errorf("%s is in %q and in %q", name, before, g.Title)
			}
			seen[name] = g.Title
			if target, ok := u.Find(name); !ok || target.Name != name {
				t.Errorf("%q has %s, which is no target", g.Title, name)
			}
		}
	}
}

// TestAForgottenTargetIsShown makes sure that the test above can fail.
func TestAForgottenTargetIsShown(t *testing.T) {
	t.Parallel()
	u := &Usage{Targets: []Target{{Name: "fresh", Mage: "fresh", Synopsis: "is new: quite; and more."}, {Name: "up", Mage: "up"}}}
	last := u.Groups()[len(u.Groups())-1]
	if last.Title != "more" || !slices.Equal(last.Targets, []string{"fresh"}) {
		t.Errorf("the last group is %v", last)
	}
	if text := u.Overview("title", 80); !strings.Contains(text, "\nmore\n  fresh  is new\n") {
		t.Errorf("not shown: %s", text)
	}
}

func TestWhatMageGeneratesIsNoTarget(t *testing.T) {
	t.Parallel()
	u, err := Read(fstest.MapFS{
		"mage_output_file.go": {Data: []byte("//go:build ignore\n\npackage main\n\nfunc Wrong() {")}, // half written
		"build.go": {Data: []byte("//go:build mage\n\npackage main\n\n// Build (make-it) makes it,\n// and more.\nfunc Build() {}\n\n" +
			"func (x) Method() {}\n\nfunc helper() {}\n\nvar Aliases = map[string]any{\"make-it\": Build}\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Target{Name: "make-it", Mage: "build", Synopsis: "makes it,", More: "and more."}
	if len(u.Targets) != 1 || u.Targets[0].Name != want.Name || u.Targets[0].Synopsis != want.Synopsis || u.Targets[0].More != want.More {
		t.Errorf("read %+v", u.Targets)
	}
	if _, err := Read(fstest.MapFS{"broken.go": {Data: []byte("package")}}); err == nil {
		t.Error("a file that is not Go was read")
	}
}

func TestNothingIsWiderThanTheScreen(t *testing.T) {
	t.Parallel()
	u := read(t)
	for _, columns := range []int{40, 60, 80, 100} {
		texts := []string{u.Overview("title", columns)}
		for _, target := range u.Targets {
			texts = append(texts, target.Explain(Note{}, columns))
		}
		for _, text := range texts {
			for line := range strings.Lines(text) {
				words := strings.Fields(line)
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > columns && len(words) > 1 {
					t.Errorf("%d columns: a line of %d: %q", columns, n, line)
				}
			}
		}
	}
}
