//go:build linux || darwin

package place

import "golang.org/x/sys/unix"

// Free returns how many bytes can be written to the file system of dir, and false where that
// cannot be told: some file systems have no size.
func Free(dir string) (int64, bool) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil || stat.Blocks == 0 {
		return 0, false
	}
	return int64(stat.Bavail * uint64(stat.Bsize)), true //nolint:gosec // G115: no disk has 2^63 bytes.
}
