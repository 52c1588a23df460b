package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// killGrace is how long a killed process's output may stay open. A worker that is told to
// stop has 5 seconds in all.
const killGrace = 2 * time.Second

// errOutOfMemory is returned when a process most likely ended for want of memory.
var errOutOfMemory = errors.New("it ran out of memory; give the service more (mem_limit in docker-compose.yml), or a shorter song")

// A command is a process to run in a group of its own, so that it can be ended together with
// everything it started.
type command struct {
	// what names it in errors.
	what string
	path string
	args []string
	// dir is its working folder; empty for that of this process.
	dir    string
	stdout io.Writer
}

// A commandError is returned when a process ran and did not succeed.
type commandError struct {
	what   string
	reason error
	// said is the line of its standard error that tells most; all is the end of all of it.
	said, all string
}

func (e *commandError) Error() string {
	if e.said == "" {
		return fmt.Sprintf("%s failed: %v", e.what, e.reason)
	}
	return fmt.Sprintf("%s failed: %v; it says: %s", e.what, e.reason, e.said)
}

func (e *commandError) Unwrap() error { return e.reason }

// run starts the command and waits for it. When ctx ends, the whole group is killed and the
// error is that of ctx.
func (c command) run(ctx context.Context) error {
	// Linux sends the signal for a dead parent when the starting thread ends, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var said tail
	cmd := exec.CommandContext(ctx, c.path, c.args...) //nolint:gosec,forbidigo // G204: program and arguments are this service's own; file names of people are never among them.
	cmd.Dir = c.dir
	cmd.Stdout = c.stdout
	cmd.Stderr = &said
	cmd.WaitDelay = killGrace
	isolate(cmd)
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("running %s: %w", c.what, ctx.Err())
	}
	return &commandError{what: c.what, reason: explain(err, said.text()), said: said.telling(), all: said.text()}
}

// explain finds out what ended a process.
func explain(err error, said string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	switch {
	case strings.Contains(said, "ENOSPC"), strings.Contains(said, "No space left on device"):
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	case killed(exit):
		return fmt.Errorf("it was killed (signal 9): %w", errOutOfMemory)
	case soundsLikeMemory(said):
		return fmt.Errorf("%w: %w", errOutOfMemory, err)
	default:
		return err
	}
}

// soundsLikeMemory knows what Node, ONNX Runtime and the C library say when memory runs out.
func soundsLikeMemory(said string) bool {
	for _, sign := range []string{"out of memory", "bad_alloc", "Cannot allocate memory", "Array buffer allocation failed"} {
		if strings.Contains(said, sign) {
			return true
		}
	}
	return false
}
