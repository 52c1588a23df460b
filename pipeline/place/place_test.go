//go:build unix

package place

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestWriteLeavesOneWholeFileWithTheSharedMode(t *testing.T) {
	t.Parallel()
	writers := map[string]func(string, []byte) error{"durable": Local.WriteDurable, "whole": Local.WriteWhole}
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			for _, text := range []string{"one", "two"} {
				if err := write(path, []byte(text)); err != nil {
					t.Fatal(err)
				}
				spooltest.WantText(t, path, text)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode() != FileMode {
				t.Errorf("mode = %v, %v; want %v", info.Mode(), err, FileMode)
			}
			spooltest.WantNames(t, dir, "f")
		})
	}
}

func TestWriteReportsAMissingFolderAndLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := Local.WriteDurable(filepath.Join(dir, "gone", "f"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v; want fs.ErrNotExist", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "f"), FolderMode); err != nil {
		t.Fatal(err)
	}
	if err := Local.WriteWhole(filepath.Join(dir, "f"), nil); err == nil {
		t.Error("a folder was replaced by a file")
	}
	spooltest.WantNames(t, dir, "f")
}

func TestSyncFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := SyncFile(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != FileMode {
		t.Errorf("mode = %v, %v; want %v", info.Mode(), err, FileMode)
	}
	if err := SyncFile(path + "gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v; want fs.ErrNotExist", err)
	}
	if err := SyncFolder(path + "gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v; want fs.ErrNotExist", err)
	}
}

func TestPutTakesTheNextFreeNameAndAnnouncesIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dst := filepath.Join(dir, "dst")
	mkdirWith(t, dst, "song.mp3")
	src := filepath.Join(dir, "src")
	spooltest.Put(t, src, "new")
	var announced []string
	got, err := Local.Put(src, dst, FileNames("song.mp3"), func(name string) error {
		announced = append(announced, name)
		if name == "song (2).mp3" { // Someone else is faster.
			spooltest.Put(t, filepath.Join(dst, name), "theirs")
		}
		return nil
	})
	if err != nil || got != "song (3).mp3" {
		t.Fatalf("Put = %q, %v", got, err)
	}
	if strings.Join(announced, "|") != "song (2).mp3|song (3).mp3" {
		t.Errorf("announced %q", announced)
	}
	spooltest.WantText(t, filepath.Join(dst, "song (2).mp3"), "theirs")
	spooltest.WantText(t, filepath.Join(dst, "song (3).mp3"), "new")
}

func TestPutStopsAtAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Local.Put(filepath.Join(dir, "gone"), dir, FileNames("x"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v; want fs.ErrNotExist", err)
	}
	refuse := errors.New("no")
	if _, err := Local.Put(dir, dir, FileNames("x"), func(string) error { return refuse }); !errors.Is(err, refuse) {
		t.Errorf("error = %v; want that of announce", err)
	}
	spooltest.Put(t, filepath.Join(dir, "same"), "")
	if _, err := Local.Put(dir, dir, func(int) string { return "same" }, nil); !errors.Is(err, errNoName) {
		t.Errorf("error = %v; want errNoName", err)
	}
}

func TestPutText(t *testing.T) {
	t.Parallel()
	dir, scratch := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "f.txt")
	for range 2 { // The second call finds its own text.
		if err := Local.PutText(path, "why", scratch); err != nil {
			t.Fatal(err)
		}
	}
	if err := Local.PutText(path, "who", scratch); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error = %v; want fs.ErrExist", err)
	}
	spooltest.WantText(t, path, "why")
	fifo := filepath.Join(dir, "pipe.txt")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Local.PutText(fifo, "", scratch); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error for a FIFO = %v; want fs.ErrExist", err)
	}
	spooltest.WantNames(t, scratch)
}

// A text that cannot be read just now may be one's own: nothing may be made under another name, or the first one is left.
func TestPutTextWhereReadingFails(t *testing.T) {
	t.Parallel()
	dir, scratch := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "f.txt")
	if err := Local.PutText(path, "why", scratch); err != nil {
		t.Fatal(err)
	}
	failing := Placer{Disk: noReads{Local.Disk}}
	if err := failing.PutText(path, "why", scratch); !errors.Is(err, syscall.EIO) || errors.Is(err, fs.ErrExist) {
		t.Errorf("error = %v; want that of the disk", err)
	}
	spooltest.WantNames(t, scratch)
}

// noReads is a disk on which no file can be read.
type noReads struct{ Disk }

func (noReads) ReadFile(path string) ([]byte, error) {
	return nil, &fs.PathError{Op: "read", Path: path, Err: syscall.EIO}
}

func mkdirWith(t *testing.T, dir, file string) {
	t.Helper()
	if err := os.Mkdir(dir, FolderMode); err != nil {
		t.Fatal(err)
	}
	spooltest.Put(t, filepath.Join(dir, file), file)
}
