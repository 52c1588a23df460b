package permissions

import "syscall"

func inode(folder string) uint64 {
	var stat syscall.Stat_t
	if syscall.Lstat(folder, &stat) != nil {
		return 0
	}
	return stat.Ino
}
