package model

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/im2-audio/im2/internal/exit"
)

// errNotRegular is returned for a link, a folder, a FIFO or anything else that is no
// regular file.
var errNotRegular = errors.New("is not a regular file")

// cache is the cache folder, held open: whatever its path leads to later, this is the
// folder that is worked in.
type cache struct {
	root *os.Root
	dir  string
}

// openCache opens the folder dir, without leaving data on the way.
func openCache(data, dir string) (*cache, error) {
	root, err := openWithin(data, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Errorf(exit.Failed, `opening the model cache %q: it does not exist; "mage demucs-cache" makes it`, dir)
	}
	if err != nil {
		return nil, exit.Errorf(exit.Failed,
			`opening the model cache %q: %w; it must be a folder, and no link may lead out of the data folder`, dir, err)
	}
	return &cache{root: root, dir: dir}, nil
}

func openWithin(data, dir string) (*os.Root, error) {
	if data == "" {
		return os.OpenRoot(dir)
	}
	rel, err := filepath.Rel(data, dir)
	if err != nil {
		return nil, err
	}
	outer, err := os.OpenRoot(data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = outer.Close() }() // It was only read.
	return outer.OpenRoot(rel)
}

func (c *cache) close() { _ = c.root.Close() } // It has nothing to lose.

// open opens a regular file that exists, for reading or with os.O_RDWR. It does not follow
// a link: os.Root would, as long as it stays within, so what was opened must be what was
// seen by name.
func (c *cache) open(name string, flag int) (*os.File, error) {
	seen, err := c.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, fmt.Errorf("%q %w", filepath.Join(c.dir, name), errNotRegular)
	}
	// Without O_NONBLOCK, a FIFO put here since would be waited for, for ever.
	f, err := c.root.OpenFile(name, flag|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	opened, err := f.Stat()
	if err != nil || !os.SameFile(seen, opened) {
		_ = f.Close()
		return nil, fmt.Errorf("%q %w", filepath.Join(c.dir, name), errNotRegular)
	}
	return f, nil
}

// create makes a file that did not exist; O_EXCL follows no link.
func (c *cache) create(name string) (*os.File, error) {
	return c.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
}

// remove removes whatever has that name, a link itself and not what it leads to. The names
// are this package's own. Where it fails, making a file of that name fails next and says so.
func (c *cache) remove(name string) { _ = c.root.RemoveAll(name) }

// sync makes the names in the folder last through a power cut, where the file system offers
// that: some shared folders (VirtualBox, CIFS) do not.
func (c *cache) sync() error {
	if runtime.GOOS == "windows" {
		return nil // Windows knows no such thing for folders.
	}
	dir, err := c.root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // It was only read.
	return offered(dir.Sync())
}

// offered drops the errors of fsync(2) on a folder that say that there is no such thing.
func offered(err error) error {
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// free returns how many bytes can be written, and false when that is unknown.
func (c *cache) free(ask func(*os.File) (uint64, bool)) (uint64, bool) {
	dir, err := c.root.Open(".")
	if err != nil {
		return 0, false
	}
	defer func() { _ = dir.Close() }() // It was only read.
	return ask(dir)
}
