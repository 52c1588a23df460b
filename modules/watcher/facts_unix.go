//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// openFlags open what was a regular file a moment ago: should it have become a link or a FIFO
// meanwhile, opening fails or returns at once instead of leading elsewhere or waiting.
const openFlags = os.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func inode(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return 0
}

// ours reports whether the file belongs to this user and group and has no other name: a file
// of someone else's, or one that is reachable under a second name, could be changed later.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid() && int(stat.Gid) == os.Getegid() && stat.Nlink == 1
}
