package weights

import (
	"fmt"
	"io/fs"
	"syscall"
)

// identity is which file it is, and its ctime.
func identity(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d %d %d", stat.Dev, stat.Ino, stat.Ctim.Nano())
}
