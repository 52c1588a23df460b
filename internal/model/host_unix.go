//go:build linux || darwin

package model

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// owner returns whom a file belongs to, and false when the system does not say.
func owner(info fs.FileInfo) (uid, gid uint32, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return stat.Uid, stat.Gid, true
}

// hardLinked reports whether the file has a second name somewhere.
func hardLinked(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink > 1
}

// tryLock locks an open file against every other run, until it is closed. It returns false
// while another one has it. File systems without locks let everybody in: what is at stake
// is a wasted download, because the result is checked.
func tryLock(f *os.File) bool {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return !errors.Is(err, unix.EWOULDBLOCK)
		}
	}
}

func freeSpace(f *os.File) (uint64, bool) {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &stat); err != nil || stat.Blocks == 0 {
		return 0, false // Some file systems have no size.
	}
	return stat.Bavail * uint64(stat.Bsize), true //nolint:gosec // a block has no negative size
}
