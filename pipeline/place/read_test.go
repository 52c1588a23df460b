//go:build linux

package place

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// Whatever somebody put in the place of a record, reading it ends, and soon.
func TestReadingASmallFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	spooltest.Put(t, at("most"), strings.Repeat("x", job.MostRead))
	spooltest.Put(t, at("endless"), "")
	if err := errors.Join(
		os.Truncate(at("endless"), 1<<40),
		syscall.Mkfifo(at("fifo"), 0o600),
		os.Symlink(at("most"), at("link")),
	); err != nil {
		t.Fatal(err)
	}
	if data, err := (osDisk{}).ReadFile(at("most")); err != nil || len(data) != job.MostRead {
		t.Errorf("read %d bytes, %v", len(data), err)
	}
	for name, want := range map[string]error{
		"endless": job.ErrTooLong, "fifo": job.ErrNotFile, "link": syscall.ELOOP, ".": job.ErrNotFile, "none": os.ErrNotExist,
	} {
		if _, err := (osDisk{}).ReadFile(at(name)); !errors.Is(err, want) {
			t.Errorf("%s: error = %v; want %v", name, err, want)
		}
	}
}

func TestAListHasAnEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 10 {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(9-i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for most, want := range map[int]int{9: 9, 10: 10, 11: 10} {
		entries, err := readDir(dir, most)
		sorted := slices.IsSortedFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		if err != nil || len(entries) != want || !sorted {
			t.Errorf("at most %d: %v, %v", most, entries, err)
		}
	}
	if entries, err := readDir(t.TempDir(), 9); err != nil || len(entries) != 0 {
		t.Errorf("an empty folder: %v, %v", entries, err)
	}
}
