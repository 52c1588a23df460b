package place

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestAFolderThatIsNotNewIsRefused has each thing in its place that is not the new folder.
func TestAFolderThatIsNotNewIsRefused(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(path string) error{
		"a link to a folder in it": func(path string) error { return os.Symlink("other", path) },
		"a link to one outside":    func(path string) error { return os.Symlink("..", path) },
		"one open for others":      func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o770)) }, // the case
		"one with something in it": func(path string) error { return os.MkdirAll(filepath.Join(path, "x"), 0o700) },
		"a file":                   func(path string) error { return os.WriteFile(path, nil, 0o700) }, // the case
	} {
		data := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(data, "other"), 0o700), os.Chmod(filepath.Join(data, "other"), 0o755), put(filepath.Join(data, "new"))); err != nil { // a folder that others may enter
			t.Fatal(err)
		}
		root, err := os.OpenRoot(data)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = root.Close() }() // only read
		if _, err := openNew(root, "new"); err == nil {
			t.Errorf("%s is taken for the new folder", name)
		}
		if info, err := os.Stat(filepath.Join(data, "other")); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: the other folder is %v now, %v", name, info, err)
		}
	}
}
