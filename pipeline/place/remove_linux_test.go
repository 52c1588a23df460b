package place

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// Whoever can write into a job's folder can put folders into one another there, as many as fit the disk.
func TestDeepFoldersAreRemoved(t *testing.T) {
	t.Parallel()
	for _, tree := range []struct {
		levels int
		mode   uint32
	}{{3000, 0o755}, {3000, 0}, {3000, 0o500}, {3000, 0o300}, {thorough.Of(100_000, 20_000), 0o755}} {
		t.Run(fmt.Sprintf("%d of mode %o", tree.levels, tree.mode), func(t *testing.T) {
			if !spooltest.Alone(t) {
				return
			}
			dir := spooltest.AsNobody(t)
			path := filepath.Join(dir, "work")
			spooltest.DeepFolders(t, path, tree.levels, tree.mode)
			spooltest.LimitFiles(t, 24)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			remove := Local.RemoveAll
			if tree.levels > 3000 { // A busy machine may take longer than a removal may.
				remove = removeWithoutEnd
			}
			spooltest.Must(t, remove(path))
			runtime.ReadMemStats(&after)
			if Exists(path) {
				t.Error("it is there")
			}
			if more := int64(after.Sys) - int64(before.Sys); more > 32<<20 {
				t.Errorf("it took %d bytes of memory", more)
			}
		})
	}
}

func removeWithoutEnd(path string) error {
	parent, err := pinned(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(removeAll(parent, filepath.Base(path), func() time.Time { return time.Time{} }), unix.Close(parent))
}

func TestWideFoldersAreRemoved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "work")
	for i := range 20 {
		for k := range 20 {
			inner := filepath.Join(path, strconv.Itoa(i), strconv.Itoa(k), "x")
			spooltest.Must(t, os.MkdirAll(inner, FolderMode))
			spooltest.Put(t, filepath.Join(inner, "f"), "x")
		}
	}
	spooltest.Must(t, errors.Join(Local.RemoveAll(path), Local.RemoveAll(path)))
	if Exists(path) {
		t.Error("it is there")
	}
}

// A link in a folder is removed, and what it leads to stays.
func TestRemovalFollowsNoLink(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	spooltest.Put(t, filepath.Join(outside, "f"), "mine")
	path := filepath.Join(dir, "work")
	spooltest.Must(t, os.MkdirAll(filepath.Join(path, "x", "y"), FolderMode))
	for _, link := range []string{path + "/link", path + "/x/link", path + "/x/y/link", dir + "/link"} {
		spooltest.Must(t, os.Symlink(outside, link))
	}
	spooltest.Must(t, errors.Join(Local.RemoveAll(path), Local.RemoveAll(dir+"/link")))
	spooltest.WantNames(t, dir)
	spooltest.WantText(t, filepath.Join(outside, "f"), "mine")
}

// Of a folder with one of another user, which nobody else can empty, the rest is removed.
func TestWhatCannotBeRemovedKeepsNothingElse(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("skipped: needs root, to make a folder of another user")
	}
	dir := spooltest.AsNobody(t)
	path := filepath.Join(dir, "work")
	spooltest.Must(t, os.MkdirAll(filepath.Join(path, "a", "b"), FolderMode))
	for _, foreign := range []string{"m", "a/m", "a/b/m"} {
		spooltest.Must(t, os.MkdirAll(filepath.Join(path, "z"+foreign), FolderMode))
		spooltest.AsRoot(t)
		spooltest.Must(t, os.MkdirAll(filepath.Join(path, foreign, "inner"), FolderMode))
		spooltest.Must(t, unix.Setfsuid(spooltest.Nobody))
	}
	if err := Local.RemoveAll(path); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error = %v; want that it may not be removed", err)
	}
	left := 0
	spooltest.AsRoot(t)
	spooltest.Must(t, filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		left++
		if name := filepath.Base(path); strings.HasPrefix(name, "z") {
			t.Errorf("%s is there", path)
		}
		return err
	}))
	if left != 9 { // Three of the other user's with one in each, and those that they are in.
		t.Errorf("%d folders are left", left)
	}
}

// Whoever adds to a folder faster than it is emptied does not keep a worker there.
func TestARemovalEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "work")
	spooltest.Must(t, os.MkdirAll(filepath.Join(path, "x"), FolderMode))
	parent, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	spooltest.Must(t, err)
	defer func() { _ = unix.Close(parent) }()
	start, asked := time.Now(), 0
	err = removeAll(parent, "work", func() time.Time {
		asked++
		spooltest.Put(t, filepath.Join(path, "x", strconv.Itoa(asked)), "x")
		return start.Add(time.Duration(asked) * time.Second)
	})
	if !errors.Is(err, ErrRefilled) {
		t.Errorf("error = %v; want that it is filled again", err)
	}
	if asked < 5 || asked > 100 {
		t.Errorf("asked for the time %d times", asked)
	}
	if names, err := os.ReadDir(filepath.Join(path, "x")); err != nil || len(names) == 0 {
		t.Errorf("there is %v, %v", names, err)
	}
}
