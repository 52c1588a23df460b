package place

import (
	"errors"
	"os"
	"runtime"
)

// The commands on the host may run as root where containers can write. They stay inside of an os.Root
// with these functions, and change owner and mode on open files only.

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
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It was only read.
	if err := f.Sync(); err != nil && !notOffered(err) {
		return err
	}
	return nil
}
