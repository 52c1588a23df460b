// Package place puts files and folders where people and other services find them:
// written whole, and never over something that is already there.
//
// What must happen only once is one rename(2), link(2) or mkdir(2), so that it holds on NFS and on the
// shared folders of a virtual machine, where locks and O_EXCL cannot be trusted between hosts.
// Folders get mode 0755 and files 0644, whatever the umask of the caller is.
package place

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
)

// Modes that every file and folder of the data folder has. The services of the pipeline run
// as one user, but people read the results as other users of the host.
const (
	FileMode   fs.FileMode = 0o644
	FolderMode fs.FileMode = 0o755
)

// TempPrefix begins the names of the temporary files. They do not contain the name of the file
// to come: that may already be as long as the file system allows.
const TempPrefix = ".tmp-"

// Local is the file system of this machine.
var Local = For(-1, -1)

// For is Local for root, which gives new files these IDs; those of this process where they are -1.
func For(uid, gid int) Placer { return Placer{Disk: osDisk{uid, gid}} }

// plain takes the paths off an error of the os package.
func plain(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	default:
		return err
	}
}

// SyncFile puts the content of the file at path on the disk and gives it FileMode.
func SyncFile(path string) error {
	f, err := openFile(path, os.O_RDWR|readFlags, 0)
	if err != nil {
		return fmt.Errorf("syncing: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Chmod(FileMode); err != nil {
		return fmt.Errorf("syncing: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing %q: %w", path, err)
	}
	return nil
}

// SyncFolder puts the entries of a folder on the disk: without it, a rename into the folder
// may be undone by a power cut. Some shared folders (VirtualBox, CIFS) offer no such thing;
// there it does nothing, since refusing to work would not make anything safer.
func SyncFolder(dir string) error {
	if err := syncFolder(dir); err != nil && !notOffered(err) {
		return fmt.Errorf("syncing folder %q: %w", dir, err)
	}
	return nil
}

// notOffered reports whether an error means that the kernel or the file system (NFS, some FUSE) does not
// offer what was asked for, rather than that it failed. EINVAL is what some say of a flag that they do not know.
func notOffered(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported)
}

// Has is Placer.Has on the file system of this machine.
func Has(path string) (bool, error) { return Local.Has(path) }

// Exists reports whether there is an entry of any kind at path. Links are not followed.
func Exists(path string) bool {
	_, err := Local.Lstat(path)
	return err == nil
}

// Open opens a regular file for reading. A link is not followed, and a FIFO not waited for.
func Open(path string) (*os.File, error) {
	f, err := openFile(path, os.O_RDONLY|readFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("reading %q: %w", path, job.ErrNotFile)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Create makes a new file with FileMode for writing. What is there already is fs.ErrExist.
func Create(path string) (*os.File, error) {
	return openFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, FileMode)
}

// MakeFolder makes a folder, and those above it, where there is none.
func MakeFolder(path string) error {
	err := Local.Mkdir(path)
	if parent := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) && parent != path {
		if err = MakeFolder(parent); err == nil {
			err = Local.Mkdir(path)
		}
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := Local.Lstat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	return err
}

// OpenFolder opens a folder, for what is done to files in it.
func OpenFolder(path string) (root *os.Root, err error) {
	err = in(path, func(path string) (err error) {
		root, err = os.OpenRoot(path)
		return err
	})
	return root, err
}

// leftoverAge is how old something must be to be taken for what a crash left: no write, no
// reservation and no copy into the input folder is under way for so long.
const leftoverAge = 24 * time.Hour

// Sweep removes from the folder dir what crashes left there: entries whose name matches one of
// the patterns (see filepath.Match), as SweepIf does.
func Sweep(dir string, patterns ...string) { SweepIf(dir, matcher(patterns)) }

func matcher(patterns []string) func(name string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			ok, err := filepath.Match(pattern, name)
			return ok && err == nil
		})
	}
}

// SweepIf removes from the folder dir the entries whose name is a leftover's and that nobody has
// touched for a day. Folders are removed only when they are empty. It does what it can: leftovers do
// no harm but to take room.
func SweepIf(dir string, leftover func(name string) bool) { sweep(dir, leftoverAge, leftover) }

// SweepOlder is Sweep for what nobody has touched for so long.
func SweepOlder(dir string, age time.Duration, patterns ...string) {
	sweep(dir, age, matcher(patterns))
}

func sweep(dir string, age time.Duration, leftover func(name string) bool) {
	entries, err := Local.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !leftover(entry.Name()) {
			continue
		}
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > age {
			_ = Local.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}
