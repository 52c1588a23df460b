package place

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// readFlags open what should be a regular file: a link in its place is an error, and a FIFO opens at once.
const readFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// SetUmask makes new files 644 and folders 755, also those of child processes.
func SetUmask() { unix.Umask(0o022) }

// Writable returns an error where this user may not write to the folder dir. It asks the kernel rather than comparing owner and mode: only the kernel knows about
// access lists, read-only mounts and what a file server allows.
func Writable(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }

// MountIn returns the first of the names in root that is a mount of its own, or lies in one; "" where none is. Files
// cannot be renamed from one mount to another, though they may be on one file system.
func MountIn(root string, names ...string) string {
	id, ok := mountOf(root)
	for _, name := range names {
		if other, there := mountOf(filepath.Join(root, name)); ok && there && other != id {
			return name
		}
	}
	return ""
}

// mountOf is the number of the mount that path is in. Kernels before 5.8 know none: there the number of the file system
// stands for it.
func mountOf(path string) (id uint64, ok bool) {
	var st unix.Statx_t
	_, err := ignoringEINTR(func() (int, error) {
		return 0, unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st)
	})
	if st.Mask&unix.STATX_MNT_ID == 0 {
		return unix.Mkdev(st.Dev_major, st.Dev_minor), err == nil
	}
	return st.Mnt_id, err == nil
}

// syncFolder does without the os package, which makes five more system calls for a folder that is opened
// for one: this is most of what the spool does.
func syncFolder(dir string) (err error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	if _, err = ignoringEINTR(func() (int, error) { return 0, unix.Fsync(fd) }); err != nil {
		return &os.PathError{Op: "sync", Path: dir, Err: err}
	}
	return nil
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// renameExclusive renames in one system call that fails when newPath exists.
func renameExclusive(oldPath, newPath string) error {
	err := unix.Renameat2(unix.AT_FDCWD, oldPath, unix.AT_FDCWD, newPath, unix.RENAME_NOREPLACE)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldPath, New: newPath, Err: err}
	}
	return nil
}
