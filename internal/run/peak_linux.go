package run

import (
	"os"
	"syscall"
)

// peakMemory returns the highest resident memory in bytes of a process or one of its children.
func peakMemory(ended *os.ProcessState) int64 {
	if usage, ok := ended.SysUsage().(*syscall.Rusage); ok {
		// KiB on Linux: getrusage(2).
		return int64(usage.Maxrss) * 1024 //nolint:unconvert // 32 bits wide on some processors
	}
	return 0
}
