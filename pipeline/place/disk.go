package place

import (
	"io/fs"
	"os"
	"time"
)

// A Disk is the few operations that this package and the spool do to a file system. There is
// one that is real, OS, and tests have one that crashes where they say, and forgets then what
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

// OS is the file system of this machine.
type OS struct{}

// ReadFile reads a file of at most job.MostRead bytes.
func (OS) ReadFile(path string) ([]byte, error) { return readFile(path) }

// ReadDir is os.ReadDir.
func (OS) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }

// Lstat is os.Lstat.
func (OS) Lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }

// Temp makes a temporary file. It leaves nothing behind when it fails.
func (OS) Temp(dir string, data []byte, sync bool) (path string, err error) {
	f, err := os.CreateTemp(dir, TempPrefix+"*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return "", err
	}
	if err = f.Chmod(FileMode); err != nil {
		return "", err
	}
	if sync {
		if err = f.Sync(); err != nil {
			return "", err
		}
	}
	return f.Name(), f.Close()
}

// Mkdir makes a folder with FolderMode.
func (OS) Mkdir(path string) error { return os.Mkdir(path, FolderMode) }

// Rename is os.Rename.
func (OS) Rename(oldPath, newPath string) error { return os.Rename(oldPath, newPath) }

// RenameNew is the function Rename of this package.
func (OS) RenameNew(oldPath, newPath string) error { return Rename(oldPath, newPath) }

// Remove is os.Remove.
func (OS) Remove(path string) error { return os.Remove(path) }

// RemoveAll is os.RemoveAll.
func (OS) RemoveAll(path string) error { return os.RemoveAll(path) }

// Chmod is os.Chmod.
func (OS) Chmod(path string, mode fs.FileMode) error { return os.Chmod(path, mode) }

// SyncFolder is the function of that name.
func (OS) SyncFolder(dir string) error { return SyncFolder(dir) }

// Touch sets the times of a file or folder to now.
func (OS) Touch(path string) error {
	now := time.Now()
	return os.Chtimes(path, now, now)
}
