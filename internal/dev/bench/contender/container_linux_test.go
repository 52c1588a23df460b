package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestMemoryOfAllProcesses(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	for pid, text := range map[string]string{
		"1":                       "Name:\ttini\nVmHWM:\t     600 kB\n",
		"23":                      "VmPeak:\t 999 kB\nVmHWM:\t  250000 kB\nVmRSS:\t 3 kB\n",
		"24":                      "Name:\tkthreadd\n",
		strconv.Itoa(os.Getpid()): "VmHWM:\t 5000 kB\n",
		"self":                    "VmHWM:\t 5000 kB\n",
	} {
		if err := os.MkdirAll(filepath.Join(proc, pid), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, pid, "status"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := memoryTogether(proc); got != 250_600<<10 {
		t.Errorf("%d bytes, want %d", got, 250_600<<10)
	}
}
