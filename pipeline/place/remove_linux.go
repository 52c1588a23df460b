package place

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

func (osDisk) RemoveAll(path string) error {
	parent, err := pinned(filepath.Dir(path))
	if err == nil {
		err = removeAll(parent, filepath.Base(path), time.Now)
		_ = unix.Close(parent)
	}
	return removing(path, err)
}

// RemoveAllIn is RemoveAll for the entry name of root.
func RemoveAllIn(root *os.Root, name string) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // It was only read.
	return removing(name, removeAll(int(dir.Fd()), name, time.Now))
}

func removing(path string, err error) error {
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return &fs.PathError{Op: "remove", Path: path, Err: plain(err)}
}

// removeAll removes an entry of the folder parent, with all that is in it. A folder in one of its folders is moved up
// into the entry itself, and emptied there: so any depth takes a few descriptors and no memory. Whoever may write in it can
// put folders into one another until the disk is full.
func removeAll(parent int, name string, now func() time.Time) error {
	err := unlink(parent, name)
	if !isFull(err) {
		return err
	}
	top, err := openFull(parent, name)
	if err != nil {
		return err
	}
	defer func() { _ = top.Close() }() // It was only read.
	r := remover{top: int(top.Fd()), now: now, until: now().Add(removeFor)}
	if err := r.empty(top, r.removeFolder); err != nil {
		return err
	}
	return unlink(parent, name)
}

type remover struct {
	top   int
	now   func() time.Time
	until time.Time
}

// empty calls remove for what is in a folder, again and again until nothing can be removed. It returns the first error of
// the last time.
func (r *remover) empty(dir *os.File, remove func(dir int, name string) error) error {
	for {
		if _, err := dir.Seek(0, io.SeekStart); err != nil {
			return err
		}
		removed := false
		var failed error
		for {
			names, err := dir.Readdirnames(1000)
			for _, name := range names {
				if r.now().After(r.until) {
					return ErrRefilled
				}
				switch err := remove(int(dir.Fd()), name); {
				case err == nil:
					removed = true
				case failed == nil && !errors.Is(err, unix.ENOENT):
					failed = err
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
		}
		if !removed {
			return failed
		}
	}
}

// removeFolder removes an entry of top.
func (r *remover) removeFolder(top int, name string) error {
	err := unlink(top, name)
	if !isFull(err) {
		return err
	}
	dir, err := openFull(top, name)
	if err != nil {
		return err
	}
	err = r.empty(dir, r.moveUp)
	_ = dir.Close() // It was only read.
	if err != nil {
		return err
	}
	return unlink(top, name)
}

// moveUp removes an entry of a folder in top, or moves it to top if it is a folder that is not empty.
func (r *remover) moveUp(dir int, name string) error {
	err := unlink(dir, name)
	if !isFull(err) {
		return err
	}
	_ = open700(dir, name)                                                                      // Who may not write to a folder may not move it to another one either.
	moved := unix.Renameat(dir, name, r.top, fmt.Sprintf("%s%016x", TempPrefix, rand.Uint64())) //nolint:gosec // Nobody gains by knowing it.
	if errors.Is(moved, unix.EXDEV) {
		return err // A mount says nothing about the environment: somebody put it there.
	}
	return moved
}

// unlink removes a file or an empty folder.
func unlink(dir int, name string) error {
	err := unix.Unlinkat(dir, name, 0)
	if errors.Is(err, unix.EISDIR) {
		err = unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	}
	return err
}

// isFull reports whether an error of unlink means that a folder is not empty.
func isFull(err error) bool { return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) }

// openFull opens a folder that is to be emptied.
func openFull(dir int, name string) (*os.File, error) {
	_ = open700(dir, name) // Opening it says what is wrong.
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// open700 gives this user all rights on a folder of its own.
func open700(dir int, name string) error {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Openat(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Chmod(descriptors+strconv.Itoa(fd), 0o700)
}
