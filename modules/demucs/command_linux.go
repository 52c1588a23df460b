package main

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// dieWithParent has the kernel kill the process when this one dies without a chance to.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// bytesRead is how many bytes a process has read so far; -1 where that is not known.
func bytesRead(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return -1
	}
	n := int64(-1)
	for line := range bytes.Lines(data) {
		_, _ = fmt.Sscanf(string(line), "rchar: %d", &n)
	}
	return n
}
