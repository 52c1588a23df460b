package filestate

import (
	"io/fs"
	"syscall"
)

// identity returns a file's ctime in nanoseconds and its inode number.
func identity(info fs.FileInfo) (ctime int64, inode uint64) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return stat.Ctim.Nano(), stat.Ino
}
