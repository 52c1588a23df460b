package place

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
)

// A Disk is the few operations that this package and the spool do to a file system. There is
// one that is real, of Local, and tests have one that crashes where they say, and forgets then what
// was not synced.
//
// No operation but Rename, Mkdir and RenameNew decides anything between processes, so nothing
// here needs locks, file notification or O_EXCL.
type Disk interface {
	// ReadFile reads a small file whole. What is no file is job.ErrNotFile or another error, and what
	// is too long job.ErrTooLong.
	ReadFile(path string) ([]byte, error)
	// ReadDir lists a folder, sorted by name.
	ReadDir(path string) ([]fs.DirEntry, error)
	Lstat(path string) (fs.FileInfo, error)
	// Temp makes a new file with data and FileMode in the folder dir, under a name that begins
	// with TempPrefix, and returns its path. With sync, the data is on the disk by then.
	Temp(dir string, data []byte, sync bool) (path string, err error)
	Mkdir(path string) error
	// Rename is rename(2): it replaces a file at newPath.
	Rename(oldPath, newPath string) error
	// RenameNew replaces nothing: when there is something at newPath, it fails with fs.ErrExist.
	RenameNew(oldPath, newPath string) error
	Remove(path string) error
	// RemoveAll removes a file, or a folder with all that is in it.
	RemoveAll(path string) error
	// SyncFolder puts the entries of a folder on the disk.
	SyncFolder(dir string) error
	// Chmod sets the mode of a file.
	Chmod(path string, mode fs.FileMode) error
	// Touch gives a file or folder another time of change, which takes no room on a full disk.
	Touch(path string) error
}

// An osDisk is the file system of this machine.
type osDisk struct{}

func (osDisk) ReadFile(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	data, err := job.Read(f)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	return data, nil
}

func (osDisk) Temp(dir string, data []byte, sync bool) (path string, err error) {
	f, err := os.CreateTemp(dir, TempPrefix+"*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(FileMode)
	}
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

func (osDisk) Touch(path string) error {
	now := time.Now()
	return os.Chtimes(path, now, now)
}

func (osDisk) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func (osDisk) Lstat(path string) (fs.FileInfo, error)     { return os.Lstat(path) }
func (osDisk) Mkdir(path string) error                    { return os.Mkdir(path, FolderMode) }
func (osDisk) Rename(oldPath, newPath string) error       { return os.Rename(oldPath, newPath) }
func (osDisk) RenameNew(oldPath, newPath string) error {
	return rename(oldPath, newPath, renameExclusive)
}
func (osDisk) Remove(path string) error                  { return os.Remove(path) }
func (osDisk) RemoveAll(path string) error               { return os.RemoveAll(path) }
func (osDisk) Chmod(path string, mode fs.FileMode) error { return os.Chmod(path, mode) }
func (osDisk) SyncFolder(dir string) error               { return SyncFolder(dir) }
