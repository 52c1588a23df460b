package permissions

import "syscall"

// inode is the inode number of a folder; 0 where it cannot be had.
func inode(folder string) uint64 {
	var stat syscall.Stat_t
	if syscall.Lstat(folder, &stat) != nil {
		return 0
	}
	return stat.Ino
}
