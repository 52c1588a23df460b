package filestate

import (
	"fmt"
	"syscall"
)

// Which returns what tells the file or folder that a path leads to from every other one, also from one that has its name or
// its inode number later; "" where that is not known, or nothing is there.
func Which(path string) string {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return ""
	}
	return fmt.Sprintf("%d %d %d.%09d", st.Dev, st.Ino, st.Birthtimespec.Sec, st.Birthtimespec.Nsec)
}
