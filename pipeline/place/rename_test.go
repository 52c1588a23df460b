//go:build unix

package place

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/spooltest"
)

// ways are the ways to rename without replacing: the one of the system, and those for
// file systems that do not offer it.
func ways() map[string]func(string, string) error {
	none := func(string, string) error { return unsupported() }
	return map[string]func(string, string) error{
		"system":   func(from, to string) error { return rename(from, to, renameExclusive, none) },
		"linked":   func(from, to string) error { return rename(from, to, none, os.Link) },
		"reserved": func(from, to string) error { return rename(from, to, none, none) },
	}
}

func TestRenameNeverReplaces(t *testing.T) {
	t.Parallel()
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			spooltest.Put(t, at("a"), "a")
			spooltest.Put(t, at("b"), "b")
			mkdirWith(t, at("d"), "1")
			mkdirWith(t, at("e"), "2")

			for _, pair := range [][2]string{{"a", "b"}, {"d", "e"}, {"d", "b"}, {"a", "e"}} {
				if err := way(at(pair[0]), at(pair[1])); !errors.Is(err, fs.ErrExist) {
					t.Errorf("rename %v = %v; want fs.ErrExist", pair, err)
				}
			}
			spooltest.WantText(t, at("b"), "b")
			if err := way(at("gone"), at("x")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("rename of nothing = %v; want fs.ErrNotExist", err)
			}
			if err := errors.Join(way(at("a"), at("c")), way(at("d"), at("f"))); err != nil {
				t.Fatal(err)
			}
			spooltest.WantText(t, at("c"), "a")
			spooltest.WantText(t, at("f/1"), "1")
			spooltest.WantNames(t, dir, "b", "c", "e", "f")
		})
	}
}

func TestRenameOfManyToOneNameHasOneWinner(t *testing.T) {
	t.Parallel()
	for name, way := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var wg sync.WaitGroup
			var mu sync.Mutex
			won := 0
			for i := range 8 {
				src := filepath.Join(dir, "src"+string(rune('0'+i)))
				spooltest.Put(t, src, "x")
				wg.Go(func() {
					err := way(src, filepath.Join(dir, "dst"))
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won++
					} else if !errors.Is(err, fs.ErrExist) {
						t.Errorf("loser's error = %v; want fs.ErrExist", err)
					}
				})
			}
			wg.Wait()
			if won != 1 {
				t.Errorf("%d renames succeeded; want 1", won)
			}
		})
	}
}

// What a crash left with both names is moved when that is done again, and is not what has taken the name.
func TestAFileThatHasBothNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, into := filepath.Join(dir, "job"), filepath.Join(dir, "archive")
	mkdirWith(t, from, "source")
	mkdirWith(t, into, "other")
	if err := os.Link(filepath.Join(from, "source"), filepath.Join(into, "song")); err != nil {
		t.Fatal(err)
	}
	name, err := Placer{Disk: linking{Local.Disk}}.Put(filepath.Join(from, "source"), into, FileNames("song"), nil)
	if name != "song" || err != nil {
		t.Errorf("Put = %q, %v", name, err)
	}
	spooltest.WantNames(t, into, "other", "song")
	spooltest.WantNames(t, from)
}

// A linking disk is one of a file server.
type linking struct{ Disk }

func (linking) RenameNew(from, to string) error { return ways()["linked"](from, to) }

// Nobody takes a name that somebody has reserved, however long ago: who was stopped in between, or
// has another clock, would write over what the other one put there.
func TestAReservationHolds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	spooltest.Put(t, src, "x")
	claim := claimPath(dst)
	if err := os.Mkdir(claim, FolderMode); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(claim, old, old); err != nil {
		t.Fatal(err)
	}
	if err := ways()["reserved"](src, dst); !errors.Is(err, fs.ErrExist) {
		t.Errorf("rename over a reservation = %v; want fs.ErrExist", err)
	}
	spooltest.WantNames(t, dir, filepath.Base(claim), "src")
}

// unsupported is the error of a rename that the system does not offer.
func unsupported() error {
	return errors.Join(errors.ErrUnsupported, syscall.EINVAL)
}
