package place

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// operations are all that changes or reads an entry, by its path.
func operations(path string) map[string]error {
	_, read := Local.ReadFile(path)
	_, listed := Local.ReadDir(filepath.Dir(path))
	_, looked := Local.Lstat(path)
	_, made := Local.Temp(filepath.Dir(path), []byte("x"), false)
	created, create := Create(path + ".new")
	opened, open := Open(path)
	for _, f := range []*os.File{created, opened} {
		_ = f.Close()
	}
	return map[string]error{
		"ReadFile": read, "ReadDir": listed, "Lstat": looked, "Temp": made, "Create": create, "Open": open,
		"Mkdir": Local.Mkdir(path + ".folder"), "Rename": Local.Rename(path, path+".old"), "RenameNew": Local.RenameNew(path+".old", path),
		"Chmod": Local.Chmod(path, 0o600), "Touch": Local.Touch(path), "SyncFile": SyncFile(path),
		"WriteWhole": Local.WriteWhole(path, []byte("x")), "RemoveAll": Local.RemoveAll(path + ".folder"), "Remove": Local.Remove(path),
	}
}

func TestALinkLeadsNowhere(t *testing.T) {
	t.Parallel()
	data, outside := t.TempDir(), t.TempDir()
	for _, dir := range []string{data, outside} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "queue", "job"), 0o755), os.WriteFile(filepath.Join(dir, "queue", "job", "f"), []byte("mine"), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(filepath.Join(outside, "queue"), filepath.Join(data, "link")), os.Symlink(filepath.Join(outside, "queue", "job"), filepath.Join(data, "queue", "link"))); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"link/job/f", "queue/link/f"} {
		for name, err := range operations(filepath.Join(data, path)) {
			if !errors.Is(err, unix.ELOOP) || strings.Contains(err.Error(), "/proc/") {
				t.Errorf("%s of %s: %v", name, path, err)
			}
		}
	}
	for name, err := range operations(filepath.Join(data, "queue", "job", "f")) {
		if err != nil {
			t.Errorf("%s without a link: %v", name, err)
		}
	}
	untouched(t, outside)
}

func untouched(t *testing.T, outside string) {
	t.Helper()
	path := filepath.Join(outside, "queue", "job", "f")
	text, err := os.ReadFile(path)
	info, err2 := os.Stat(path)
	entries, err3 := os.ReadDir(filepath.Dir(path))
	if err := errors.Join(err, err2, err3); err != nil || string(text) != "mine" || info.Mode() != 0o640 || len(entries) != 1 {
		t.Fatalf("outside: %v, %q, %v, %d entries", err, text, info, len(entries))
	}
}

// TestAFolderThatIsExchangedForALinkLeadsNowhere has an attacker exchange a folder for a link while everything is done in it.
func TestAFolderThatIsExchangedForALinkLeadsNowhere(t *testing.T) {
	t.Parallel()
	data, outside := t.TempDir(), t.TempDir()
	folder, link := filepath.Join(data, "queue"), filepath.Join(data, "link")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(folder, "job"), 0o755), os.MkdirAll(filepath.Join(outside, "queue", "job"), 0o755),
		os.WriteFile(filepath.Join(outside, "queue", "job", "f"), []byte("mine"), 0o640), os.Symlink(filepath.Join(outside, "queue"), link),
	); err != nil {
		t.Fatal(err)
	}
	stop, stopped, exchanged := make(chan struct{}), make(chan struct{}), 0
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if unix.Renameat2(unix.AT_FDCWD, folder, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE) == nil {
					exchanged++
				}
			}
		}
	}()
	path, stayed := filepath.Join(folder, "job", "f"), 0
	for range 2000 {
		for name, err := range operations(path) {
			if errors.Is(err, unix.ELOOP) {
				stayed++
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	close(stop)
	<-stopped
	untouched(t, outside)
	t.Logf("%d exchanges, %d operations met a link", exchanged, stayed)
	if exchanged < 1000 || stayed == 0 {
		t.Errorf("the attacker exchanged the folder %d times, and %d operations met the link: that is no test", exchanged, stayed)
	}
}
