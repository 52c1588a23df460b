package filestate

import (
	"fmt"
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

// Owner is a file's "UID:GID"; empty where that is not known, which is everywhere but on Linux.
func Owner(info fs.FileInfo) string {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d:%d", stat.Uid, stat.Gid)
	}
	return ""
}
