//go:build linux || darwin

package place

import "golang.org/x/sys/unix"

// Free returns how many bytes can be written to the file system of dir, and false where that
// cannot be told: some file systems have no size.
func Free(dir string) (int64, bool) {
	free, _, known := space(dir)
	return free, known
}

// Size returns how many bytes the file system of dir has in all, and false where that cannot be told.
func Size(dir string) (int64, bool) {
	_, size, known := space(dir)
	return size, known
}

func space(dir string) (free, size int64, known bool) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil || stat.Blocks == 0 {
		return 0, 0, false
	}
	block := uint64(stat.Bsize)                                         //nolint:gosec // G115: no size is negative
	return int64(stat.Bavail * block), int64(stat.Blocks * block), true //nolint:gosec // G115: no disk has 2^63 bytes.
}
