//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sampled is how often the memory of a container's processes is read: many times in each layer of
// the network, and for a thousandth of a processor.
const sampled = 50 * time.Millisecond

// container runs a command as the first process of a container, and prints what all of the
// container's processes needed: their processor time, and their memory together. A signal to stop is
// passed on, and is then no error.
func container(argv []string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	began := time.Now()
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stderr, os.Stderr}}) //nolint:gosec,forbidigo // It is the first process of a container, and runs what the bench asks for.
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	var state *os.ProcessState
	go func() {
		defer close(ended)
		state, err = p.Wait()
	}()
	var f figures
	stopped := false
	for tick := time.NewTicker(sampled); ; {
		select {
		case s := <-signals:
			stopped = true
			_ = p.Signal(s) // One that has ended needs none.
		case <-tick.C:
			f.PeakMemory = max(f.PeakMemory, memoryTogether("/proc"))
		case <-ended:
			tick.Stop()
			if err == nil && !state.Success() && !stopped {
				err = errors.New(state.String())
			}
			if err != nil {
				return fmt.Errorf("running %s: %w", argv[0], err)
			}
			return f.report(time.Since(began), state)
		}
	}
}

// report prints the figures of a command that has ended.
func (f figures) report(took time.Duration, state *os.ProcessState) error {
	f.Seconds, f.CPUSeconds = took.Seconds(), (state.UserTime() + state.SystemTime()).Seconds()
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		const kilobyte = 1024                                          // getrusage(2), on Linux
		f.PeakMemory = max(f.PeakMemory, int64(usage.Maxrss)*kilobyte) //nolint:unconvert // 32 bits wide on some processors
	}
	for _, path := range []string{"/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes"} {
		if text, err := os.ReadFile(path); err == nil { //nolint:gosec // G304: one of these two
			f.ContainerPeak, _ = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// memoryTogether adds up the highest resident memory, in bytes, that each process of the container
// that still runs has ever had, but this one's.
func memoryTogether(proc string) (sum int64) {
	found, _ := filepath.Glob(filepath.Join(proc, "[1-9]*", "status")) // no bad pattern
	for _, path := range found {
		if filepath.Base(filepath.Dir(path)) == strconv.Itoa(os.Getpid()) {
			continue
		}
		text, err := os.ReadFile(path) //nolint:gosec // G304: below /proc
		if err != nil {
			continue // it has ended meanwhile
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
				sum += n << 10
			}
		}
	}
	return sum
}
