package bench

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileSystem is the type of the file system that folder is on.
func fileSystem(folder string) string {
	var stat syscall.Statfs_t
	if syscall.Statfs(folder, &stat) != nil {
		return "unknown"
	}
	switch int64(stat.Type) { //nolint:unconvert // 32 bits wide on some processors
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	default:
		return fmt.Sprintf("%#x", stat.Type)
	}
}

// busy is how many seconds the processors have worked since the machine started, all of
// them together; 0 where that cannot be had. Time that a virtual machine was denied
// (steal) counts, too: others worked then.
func busy() float64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	return busySeconds(string(text))
}

// settle writes out what the preparation left to be written, so that no measured run pays
// for it.
func settle(folder string) {
	if f, err := os.Open(folder); err == nil { //nolint:gosec // the tree's own folder
		_ = unix.Syncfs(int(f.Fd())) // a hint
		_ = f.Close()
	}
}
