package run

import (
	"os"
	"syscall"
)

// peakMemory is the resident memory in bytes that a process or one of its children had.
func peakMemory(ended *os.ProcessState) int64 {
	if usage, ok := ended.SysUsage().(*syscall.Rusage); ok {
		// KiB on Linux: getrusage(2).
		return int64(usage.Maxrss) * 1024 //nolint:unconvert // 32 bits wide on some processors
	}
	return 0
}
