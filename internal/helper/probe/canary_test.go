package probe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func ok(t *testing.T, results []Result, err error) bool {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Failed != "" {
			return false
		}
	}
	return true
}

func TestACanaryIsLeftAndTaken(t *testing.T) {
	t.Parallel()
	mount := t.TempDir()
	if err := os.Mkdir(filepath.Join(mount, "queue"), 0o700); err != nil {
		t.Fatal(err)
	}
	parts := []string{".", "queue"}
	results, err := Leave(mount, Prefix+"x", parts)
	if !ok(t, results, err) || len(names(t, mount)) != 3 || len(names(t, filepath.Join(mount, "queue"))) != 2 {
		t.Errorf("%+v, left %q", results, names(t, mount))
	}
	if results, err := Leave(mount, Prefix+"x", parts); ok(t, results, err) {
		t.Error("what was there was written over")
	}
	if results, err := Take(mount, Prefix+"x", parts); !ok(t, results, err) {
		t.Errorf("%+v", results)
	}
	if got := names(t, mount); len(got) != 1 || len(names(t, filepath.Join(mount, "queue"))) != 0 {
		t.Errorf("%q stays", got)
	}
	if results, err := Take(mount, Prefix+"x", parts); ok(t, results, err) {
		t.Error("what is not there was taken")
	}
	results, err = Leave(mount, Prefix+"x", []string{"none"})
	if err != nil || len(results) != 1 || !results[0].Missing {
		t.Errorf("%+v, %v", results, err)
	}
}

// What another program put in a canary's place is not made, written, or removed.
func TestExchangedCanaries(t *testing.T) {
	t.Parallel()
	for name, exchange := range map[string]func(mount string) error{
		"the file, for another one": func(mount string) error {
			return os.Rename(filepath.Join(mount, "other/file"), filepath.Join(mount, Prefix+"x"))
		},
		"the file, for a link": func(mount string) error {
			return errors.Join(os.Remove(filepath.Join(mount, Prefix+"x")), os.Symlink("other/file", filepath.Join(mount, Prefix+"x")))
		},
		"the folder, for a link": func(mount string) error {
			folder := filepath.Join(mount, FolderOf(Prefix+"x"))
			return errors.Join(os.RemoveAll(folder), os.Symlink("other", folder))
		},
		"the folder, for another one": func(mount string) error {
			folder := filepath.Join(mount, FolderOf(Prefix+"x"))
			return errors.Join(os.RemoveAll(folder), os.Rename(filepath.Join(mount, "other"), folder))
		},
	} {
		mount := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(mount, "other"), 0o700), os.WriteFile(filepath.Join(mount, "other/file"), []byte("song"), 0o600)); err != nil {
			t.Fatal(err)
		}
		results, err := Leave(mount, Prefix+"x", []string{"."})
		if !ok(t, results, err) {
			t.Fatal(results)
		}
		if err := exchange(mount); err != nil {
			t.Fatal(err)
		}
		if results, err := Take(mount, Prefix+"x", []string{"."}); ok(t, results, err) {
			t.Errorf("%s: it was taken", name)
		}
		kept := ""
		_ = filepath.Walk(mount, func(path string, info os.FileInfo, err error) error {
			if text, readErr := os.ReadFile(path); err == nil && info.Mode().IsRegular() && readErr == nil {
				kept += string(text)
			}
			return nil
		})
		if !strings.Contains(kept, "song") {
			t.Errorf("%s: what was in its place is gone", name)
		}
	}
}

// Only what has our name goes, no link is followed, and of a folder only what was made.
func TestClear(t *testing.T) {
	t.Parallel()
	folder, outside := t.TempDir(), t.TempDir()
	foreign := filepath.Join(folder, Prefix+"foreign")
	for _, path := range []string{filepath.Join(folder, "song"), filepath.Join(folder, ".hidden"), filepath.Join(outside, Prefix+"kept"), filepath.Join(foreign, "file"), filepath.Join(folder, Prefix+"program")} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if results, err := Leave(folder, Prefix+"x", []string{"."}); !ok(t, results, err) {
		t.Fatal(results)
	}
	if err := os.Symlink(outside, filepath.Join(folder, Prefix+"link")); err != nil {
		t.Skipf("LEFT OUT: what becomes of a link, because none can be made here: %v", err)
	}
	if err := Clear(folder, []string{"."}); err == nil {
		t.Error("a folder of others was cleared")
	}
	if got := names(t, folder); len(got) != 3 || len(names(t, foreign)) != 1 {
		t.Errorf("%q stays", got)
	}
	if got := names(t, outside); len(got) != 1 {
		t.Error("a link was followed")
	}
	if err := os.RemoveAll(foreign); err != nil {
		t.Fatal(err)
	}
	if err := Clear(folder, []string{".", "missing"}); err != nil {
		t.Error(err)
	}
	if err := Clear(filepath.Join(folder, "none"), []string{"."}); err == nil {
		t.Error("a folder that is not there was cleared")
	}
}
