//go:build linux || darwin

package model

import (
	"os"

	"golang.org/x/sys/unix"
)

func freeSpace(f *os.File) (uint64, bool) {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &stat); err != nil || stat.Blocks == 0 {
		return 0, false // Some file systems have no size.
	}
	return stat.Bavail * uint64(stat.Bsize), true //nolint:gosec // a block has no negative size
}
