// Package modelfolder writes the folder of a prepared model into the model cache: under a hidden name,
// until it is complete and replaces what was there.
//
// What surprises: a container can write into the cache, and this code may run as root. So it works there
// through os.Root, new names are random and made with O_EXCL, and owner and mode are changed on open files only.
package modelfolder

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/place"
)

// abandoned is how old a half-prepared model must be before it is removed: another user's run may
// be making it.
const abandoned = time.Hour

// Writer is a folder that is being written.
type Writer interface {
	// Create makes a file of a plain name, which is on the disk when it was closed.
	Create(name string) (io.WriteCloser, error)
	// Commit replaces what has the model's name by the folder, and returns when that is on the disk.
	Commit() error
	// Discard removes what was written, unless it was committed.
	Discard()
}

// folder is a Writer on this machine.
type folder struct {
	cache      *os.Root
	name, temp string
	dir        *os.Root
	uid, gid   int
}

// New makes the folder in the cache that becomes name. Its files belong to uid and gid; -1 leaves them to this
// process's user. The error wraps fs.ErrPermission where this user may not do that.
func New(cache *os.Root, name string, uid, gid int) (Writer, error) {
	sweep(cache, name)
	temp := tempName(name)
	dir, err := place.NewFolderIn(cache, temp)
	if err != nil {
		_ = place.RemoveAllIn(cache, temp)
		return nil, err
	}
	f := &folder{cache, name, temp, dir, uid, gid}
	// Whether files can be given away shows before they are written. Root does that at the end: until then the
	// folder is closed for its later owner.
	if os.Geteuid() != 0 {
		if err := f.settleFolder(0o700); err != nil {
			f.Discard()
			return nil, err
		}
	}
	return f, nil
}

func tempName(name string) string { return "." + name + ".tmp-" + rand.Text() }

func (f *folder) Create(name string) (io.WriteCloser, error) {
	file, err := f.dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return &piece{file, f}, err
}

// piece is a file that is being written.
type piece struct {
	*os.File
	folder *folder
}

// Close gives the file its owner and puts it on the disk.
func (p *piece) Close() error {
	return errors.Join(p.folder.settle(p.File, place.FileMode), p.Sync(), p.File.Close())
}

func (f *folder) Commit() error {
	if err := errors.Join(f.settleFolder(place.FolderMode), place.SyncIn(f.dir, ".")); err != nil {
		return err
	}
	old := tempName(f.name)
	if err := f.cache.Rename(f.name, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.cache.Rename(f.temp, f.name); err != nil {
		return err
	}
	_ = place.RemoveAllIn(f.cache, old) // sweep removes what is left.
	return errors.Join(place.SyncIn(f.cache, "."), f.dir.Close())
}

func (f *folder) Discard() {
	_ = f.dir.Close()                      // What is in it was closed before.
	_ = place.RemoveAllIn(f.cache, f.temp) // The error says more than what is left over would.
}

func (f *folder) settleFolder(mode fs.FileMode) error {
	dir, err := f.dir.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // It was only read.
	return f.settle(dir, mode)
}

// settle gives an open file or folder, made by this run, its owner and mode. Engines in a virtual machine, as
// everywhere but on Linux, show a container the files of the host as its own: there a refusal does not matter.
func (f *folder) settle(file *os.File, mode fs.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil // Files have no such owners there.
	}
	if err := file.Chown(f.uid, f.gid); err != nil && (runtime.GOOS == "linux" || !errors.Is(err, fs.ErrPermission)) {
		return err
	}
	return file.Chmod(mode)
}

// sweep removes what killed runs left.
func sweep(cache *os.Root, name string) {
	dir, err := cache.Open(".")
	if err != nil {
		return
	}
	defer func() { _ = dir.Close() }() // It was only read.
	entries, _ := dir.ReadDir(1000)    // A few are there; a container may have made any number.
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), "."+name+".tmp-") && time.Since(info.ModTime()) > abandoned {
			_ = place.RemoveAllIn(cache, entry.Name()) // The next run tries it again.
		}
	}
}
