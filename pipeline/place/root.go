package place

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"github.com/im2-audio/im2/pipeline/job"
)

// The commands on the host may run as root where containers can write. They stay inside of an os.Root
// with these functions, and change owner and mode on open files only.

// OpenRoot opens the folder name of the folder data, so that a link on the way cannot lead out of data.
func OpenRoot(data, name string) (*os.Root, error) {
	outer, err := os.OpenRoot(data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = outer.Close() }() // It was only read.
	return OpenFolderIn(outer, name)
}

// OpenFolderIn opens the folder name of root. It does not wait for a FIFO in its place, as root.OpenRoot(name) does until
// somebody writes to it: a name that ends in a dot can only be in a folder.
func OpenFolderIn(root *os.Root, name string) (*os.Root, error) { return root.OpenRoot(name + "/.") }

// ErrExchanged is returned for a folder that is not the one that was just made.
var ErrExchanged = errors.New("another program exchanged the new folder")

// NewFolderIn makes a folder in root, for this user alone, and opens it. Whoever may write in root can exchange it before it
// is opened: what is opened is proved to be new, since nobody else can have made a folder that belongs to this user, is
// closed to all others and is empty. The error is ErrExchanged otherwise. A folder that could not be opened stays.
func NewFolderIn(root *os.Root, name string) (*os.Root, error) {
	if err := root.Mkdir(name, 0o700); err != nil {
		return nil, err
	}
	return openNew(root, name)
}

func openNew(root *os.Root, name string) (*os.Root, error) {
	dir, err := OpenFolderIn(root, name)
	if err != nil {
		return nil, err
	}
	if err := isNew(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s in %s: %w", name, root.Name(), err), dir.Close())
	}
	return dir, nil
}

func isNew(dir *os.Root) error {
	f, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It was only read.
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !isOwn(info) || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return ErrExchanged
	}
	if _, err := f.Readdirnames(1); !errors.Is(err, io.EOF) {
		return errors.Join(ErrExchanged, err)
	}
	return nil
}

// OpenIn opens a regular file in root for reading. A link is not followed, also where it stays within
// root, and a FIFO not waited for. What is no file is job.ErrNotFile.
func OpenIn(root *os.Root, name string) (*os.File, error) {
	seen, err := root.Lstat(name)
	if err == nil && !seen.Mode().IsRegular() {
		err = job.ErrNotFile
	}
	if err != nil {
		return nil, err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := f.Stat(); err != nil || !os.SameFile(seen, opened) {
		return nil, errors.Join(job.ErrNotFile, f.Close())
	}
	return f, nil
}

// Reader reads from r until ctx ends. read is told the number of bytes after each call.
func Reader(ctx context.Context, r io.Reader, read func(n int)) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := r.Read(p)
		read(n)
		return n, err
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// WriteNewIn makes a new file in root with data, FileMode and this owner, and returns when it is on the disk. It leaves
// nothing behind when it fails.
func WriteNewIn(root *os.Root, name string, data []byte, uid, gid int) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = Finish(f, uid, gid)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = root.Remove(name)
	}
	return err
}

// Finish gives an open file its owner and FileMode, and returns when it is on the disk. An ID of -1 stays as it is.
func Finish(f *os.File, uid, gid int) error {
	if uid >= 0 || gid >= 0 {
		if err := f.Chown(uid, gid); err != nil {
			return err
		}
	}
	if err := f.Chmod(FileMode); err != nil {
		return err
	}
	return f.Sync()
}

// SyncIn puts the entries of the folder name in root on the disk, as SyncFolder does.
func SyncIn(root *os.Root, name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := root.Open(name + "/.") // as in OpenFolderIn
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It was only read.
	if err := f.Sync(); err != nil && !notOffered(err) {
		return err
	}
	return nil
}
