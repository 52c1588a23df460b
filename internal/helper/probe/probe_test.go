package probe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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

func TestWriting(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if w := try(folder, Prefix+"x"); !w.Made || w.Reason != "" {
		t.Errorf("%+v", w)
	}
	if w := try(filepath.Join(folder, "none"), Prefix+"x"); w.Made || w.Reason == "" || w.Unclear {
		t.Errorf("%+v", w)
	}
	if w := try(folder, strings.Repeat("x", 300)); w.Made || !w.Unclear { // a name too long refuses nobody
		t.Errorf("%+v", w)
	}
	if got := names(t, folder); len(got) != 0 {
		t.Errorf("%q stays", got)
	}
}

// A process has as many threads as it likes: those that are alike are said once, and without what is not asked.
func TestThreadsThatAreAlike(t *testing.T) {
	t.Parallel()
	process := filepath.Join(t.TempDir(), "7")
	text := func(pid, state, uid string) string {
		return "Name:\tx\nState:\t" + state + "\nPid:\t" + pid + "\nUid:\t" + uid + "\nVmPeak:\t1" + pid + " kB\n"
	}
	for path, text := range map[string]string{
		"status": text("7", "S (sleeping)", "1"), "task/7/status": text("7", "S (sleeping)", "1"),
		"task/8/status": text("8", "S (sleeping)", "1"), "task/9/status": text("9", "R (running)", "1"),
		"task/10/status": text("10", "S (sleeping)", "0"), "task/11/status": text("11", "Z (zombie)", "1"),
	} {
		path = filepath.Join(process, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	texts, err := Threads(process)
	if err != nil || len(texts) != 4 || strings.Contains(strings.Join(texts, ""), "Vm") || !strings.Contains(strings.Join(texts, ""), "Uid:\t0\n") {
		t.Errorf("%q, %v", texts, err)
	}
}
