//go:build unix

package place

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/spooltest"
)

// The same trouble has the same text each time, or else the log fills with it; and nobody is
// told of names that they cannot find.
func TestErrorsOfWritingNameTheFileAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "f"), FolderMode); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"rename": filepath.Join(dir, "f"), "create": filepath.Join(dir, "gone", "f")} {
		first, second := Local.WriteWhole(path, []byte("x")), Local.WriteDurable(path, []byte("x"))
		if first == nil || second == nil || first.Error() != second.Error() || strings.Contains(first.Error(), TempPrefix) {
			t.Errorf("%s: %v; then %v", name, first, second)
		}
	}
	err := Placer{Disk: fullDisk{}}.WriteDurable(filepath.Join(dir, "g"), nil)
	if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), TempPrefix) {
		t.Errorf("error = %v", err)
	}
	spooltest.WantNames(t, dir, "f")
}

// A fullDisk has no room for files.
type fullDisk struct{ osDisk }

func (fullDisk) Temp(string, []byte, bool) (string, error) {
	return "", &fs.PathError{Op: "sync", Path: "x/.tmp-1", Err: syscall.ENOSPC}
}

func TestFoldersThatCannotBeSyncedAreNoFailure(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		syscall.EINVAL: true, syscall.ENOTSUP: true, syscall.ENOSYS: true,
		syscall.EIO: false, syscall.ENOSPC: false, syscall.EROFS: false, fs.ErrNotExist: false,
	} {
		if got := notOffered(&fs.PathError{Op: "sync", Path: "d", Err: err}); got != want {
			t.Errorf("notOffered(%v) = %v", err, got)
		}
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f")
	spooltest.Put(t, file, "")
	if has, err := Has(file); !has || err != nil {
		t.Errorf("Has = %v, %v", has, err)
	}
	if has, err := Has(file + "gone"); has || err != nil {
		t.Errorf("Has of nothing = %v, %v", has, err)
	}
	if has, err := Has(filepath.Join(file, "x")); has || !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("Has below a file = %v, %v; want an error", has, err)
	}
}

func TestCheckRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := CheckRoom(dir, 0); err != nil {
		t.Errorf("error = %v", err)
	}
	if err := CheckRoom(filepath.Join(dir, "gone"), math.MaxInt64); err != nil {
		t.Errorf("where it cannot be told: %v", err)
	}
	if _, known := Free(dir); !known {
		t.Skip("this file system has no size")
	}
	err := CheckRoom(dir, math.MaxInt64)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "9223372036.9 GB are needed and ") {
		t.Errorf("error = %v", err)
	}
	for n, want := range map[int64]string{0: "0 MB", 1: "1 MB", 1_000_001: "2 MB", 1_640_000_000: "1.6 GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q; want %q", n, got, want)
		}
	}
}

func TestARenameAcrossFileSystemsIsExplained(t *testing.T) {
	t.Parallel()
	err := Explain(&os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.EXDEV})
	if !errors.Is(err, syscall.EXDEV) || !strings.Contains(err.Error(), "mount the data folder as a whole") {
		t.Errorf("error = %v", err)
	}
	if Explain(nil) != nil || !errors.Is(Explain(fs.ErrNotExist), fs.ErrNotExist) {
		t.Error("other errors are changed")
	}
}

func TestSweepRemovesOldLeftoversAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := time.Now().Add(-leftoverAge - time.Minute)
	for _, name := range []string{".tmp-1", ".tmp-new", "song.mp3", ".im2-x.part", "my.part"} {
		spooltest.Put(t, filepath.Join(dir, name), name)
	}
	for _, name := range []string{".claim-empty", ".claim-full"} {
		if err := os.Mkdir(filepath.Join(dir, name), FolderMode); err != nil {
			t.Fatal(err)
		}
	}
	spooltest.Put(t, filepath.Join(dir, ".claim-full", "x"), "x")
	for _, name := range []string{".tmp-1", "song.mp3", ".im2-x.part", "my.part", ".claim-empty", ".claim-full"} {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	Sweep(dir, TempPrefix+"*", ClaimPrefix+"*", ".im2-*.part")
	spooltest.WantNames(t, dir, ".claim-full", ".tmp-new", "my.part", "song.mp3")
	Sweep(filepath.Join(dir, "gone"), "*")
	SweepOlder(dir, leftoverAge+time.Hour, "my.part")
	SweepOlder(dir, time.Hour, "*.mp3", ".tmp-*")
	spooltest.WantNames(t, dir, ".claim-full", ".tmp-new", "my.part")
}
