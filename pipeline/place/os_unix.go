//go:build linux || darwin

package place

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// readFlags open what should be a regular file: a link in its place is an error, and a FIFO opens at once.
const readFlags = os.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// Free returns how many bytes can be written to the file system of dir, and false if that is not known:
// some file systems have no size.
func Free(dir string) (int64, bool) {
	free, _, known := space(dir)
	return free, known
}

// Size returns how many bytes the file system of dir has in all, and false if that is not known.
func Size(dir string) (int64, bool) {
	_, size, known := space(dir)
	return size, known
}

func space(dir string) (free, size int64, known bool) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil || stat.Blocks == 0 {
		return 0, 0, false
	}
	block := uint64(stat.Bsize)
	return int64(stat.Bavail * block), int64(stat.Blocks * block), true
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
