package run

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Usage is what a command needed, its own children included.
type Usage struct {
	// Wall is the time from its start to its end.
	Wall time.Duration
	// CPU is the processor time, in user and kernel mode together.
	CPU time.Duration
	// PeakMemory is the resident memory in bytes of the process that had the most; 0
	// where the system does not tell. Linux counts a process from its fork on, so it is
	// at least what this process has.
	PeakMemory int64
}

// Measure runs a command and says what it needed. The command is measured also when it
// exits with another code than 0 (an *Error), or is stopped since ctx ended.
//
// The command stays in this process's group, whose signals therefore reach it without
// help; only the first process of a container must pass one on. When ctx ends it gets the
// time to stop that Local gives.
func Measure(ctx context.Context, c Cmd) (Usage, error) {
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout = c.Dir, c.Env, c.Stdin, c.Stdout
	cmd.Stderr = c.Stderr
	cmd.Cancel = func() error {
		if os.Getpid() == 1 {
			return cmd.Process.Signal(syscall.SIGTERM)
		}
		return nil
	}
	cmd.WaitDelay = grace
	start := time.Now()
	err := cmd.Run()
	u := Usage{Wall: time.Since(start)}
	if cmd.ProcessState != nil {
		u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		u.PeakMemory = peakMemory(cmd.ProcessState)
	}
	if ctx.Err() != nil {
		return u, fmt.Errorf("running %q: %w", c.Name, ctx.Err())
	}
	if err != nil {
		return u, &Error{Cmd: c, Err: err}
	}
	return u, nil
}
