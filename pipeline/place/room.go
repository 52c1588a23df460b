package place

import (
	"fmt"
	"syscall"
)

// CheckRoom returns an error that says how much is needed and how much is free, and that wraps
// ENOSPC, when dir has no room for so many bytes. If that is not known, there is room.
func CheckRoom(dir string, need int64) error {
	free, known := Free(dir)
	if !known || free >= need {
		return nil
	}
	return fmt.Errorf("%s are needed and %s are free: %w", Bytes(need), Bytes(free), syscall.ENOSPC)
}

// Bytes shows a number of bytes to people, in the units that disks are sold in. It is coarse
// on purpose: a message that is repeated does not change with each byte that is written.
func Bytes(n int64) string {
	const mega, giga = 1_000_000, 1_000_000_000
	if n >= giga {
		return fmt.Sprintf("%.1f GB", float64(n)/giga)
	}
	return fmt.Sprintf("%d MB", (n+mega-1)/mega)
}
