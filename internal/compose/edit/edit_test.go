package edit_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/internal/compose/edit"
)

func TestApply(t *testing.T) {
	t.Parallel()
	var p edit.Plan
	for _, c := range []struct {
		edits []edit.Edit
		want  bool
	}{
		{[]edit.Edit{{4, 7, "two"}, {8, 8, "and "}}, true},
		{[]edit.Edit{{4, 7, "two"}}, true},             // again
		{[]edit.Edit{{0, 0, ">"}, {5, 6, "x"}}, false}, // meets, and its other half is not taken either
		{[]edit.Edit{{8, 8, "then "}}, true},
		{[]edit.Edit{{8, 9, "x"}}, false}, // at an insertion
	} {
		if got := p.Add(c.edits...); got != c.want {
			t.Errorf("Add(%v) = %v", c.edits, got)
		}
	}
	if got := string(p.Apply([]byte("one 222 three"))); got != "one two and then three" {
		t.Errorf("got %q", got)
	}
}

func TestSaveKeepsWhatWasThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	link := filepath.Join(dir, "link")
	if err := os.Symlink("f", link); err != nil {
		t.Skipf("LEFT OUT: what becomes of a link, because none can be made here: %v", err)
	}
	if err := os.WriteFile(path, []byte("one"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ text, backup string }{
		{"two", "f.orig"}, {"three", "f.orig.2"}, {"one", "f.orig.3"}, {"four", "f.orig"},
	} {
		backup, made, err := edit.Save(link, []byte(step.text))
		if err != nil || filepath.Base(backup) != step.backup || made != (step.text != "four") {
			t.Errorf("saving %q kept %q (made: %v), %v; want %q", step.text, backup, made, err, step.backup)
		}
	}
	for name, want := range map[string]string{"f": "four", "f.orig": "one", "f.orig.2": "two", "f.orig.3": "three"} {
		if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if backup, _, err := edit.Save(filepath.Join(dir, "new"), []byte("x")); err != nil || backup != "" {
		t.Errorf("a new file: %q, %v", backup, err)
	}
}
