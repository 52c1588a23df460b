package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// killGrace is how long the output of a process that was killed may stay open. A worker that is told to
// stop has 5 seconds in all.
const killGrace = 2 * time.Second

// errOutOfMemory is returned when a process most likely ended for want of memory.
var errOutOfMemory = errors.New("it ran out of memory; give the service more (mem_limit in docker-compose.yml), or a shorter song")

var (
	// errCrashed is returned when a process ended by a signal that is not for want of memory.
	errCrashed = errors.New("it crashed")
	// errStalled is returned when a process said nothing for too long.
	errStalled = errors.New("it made no progress")
)

// A command is a process to run in its own group, so that it can be ended together with
// everything it started.
type command struct {
	// what names it in errors.
	what string
	path string
	args []string
	// dir is its working folder; empty for that of this process.
	dir    string
	stdout io.Writer
	// env is added to the environment of this process.
	env []string
	// stdin is what it reads; nil for nothing. Whoever writes to the other end must end that when
	// the process does.
	stdin io.Reader
	// stderr gets what it says beside its results, too; nil for nobody.
	stderr io.Writer
	// file is its file descriptor 3; nil for none.
	file *os.File
	// stall is how long it may say nothing on its standard output, and read nothing; 0 for ever.
	stall time.Duration
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

// run starts the command and waits for it. When ctx ends, or nothing was said for too long, the
// whole group is killed; in the first case the error is that of ctx.
func (c command) run(ctx context.Context) error {
	// Linux sends the signal for a dead parent when the starting thread ends, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watch := newWatch(c.stdout, c.stall, func() { stop(errStalled) })
	defer watch.stop()
	var said tail
	cmd := exec.CommandContext(running, c.path, c.args...)
	cmd.Dir = c.dir
	if len(c.env) > 0 {
		cmd.Env = append(os.Environ(), c.env...)
	}
	cmd.Stdout = watch
	cmd.Stderr = &said
	if c.stderr != nil {
		cmd.Stderr = io.MultiWriter(&said, c.stderr)
	}
	if c.stdin != nil {
		cmd.Stdin = readerFunc(func(p []byte) (int, error) {
			n, err := c.stdin.Read(p)
			watch.alive()
			return n, err
		})
	}
	if c.file != nil {
		cmd.ExtraFiles = []*os.File{c.file}
	}
	isolate(cmd)
	kill := cmd.Cancel
	cmd.Cancel = func() error {
		cmd.WaitDelay = killGrace // Who reads what a process says that ended by itself has all the time it needs.
		return kill()
	}
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("running %s: %w", c.what, ctx.Err())
	}
	reason := explain(err)
	if errors.Is(context.Cause(running), errStalled) {
		reason = fmt.Errorf("%w for %s and was ended", errStalled, c.stall)
	} else if watch.err != nil { // The process knows of a broken pipe only.
		return fmt.Errorf("running %s: %w", c.what, watch.err)
	}
	return &commandError{what: c.what, reason: reason, said: said.telling(), all: said.text()}
}

// A readerFunc is a reader that does this.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A watch passes on what a process says, and calls late when it says nothing for long.
type watch struct {
	to    io.Writer
	stall time.Duration
	timer *time.Timer
	// err is the first error of to.
	err error
}

func newWatch(to io.Writer, stall time.Duration, late func()) *watch {
	w := &watch{to: to, stall: stall}
	if w.to == nil {
		w.to = io.Discard
	}
	if stall > 0 {
		w.timer = time.AfterFunc(stall, late)
	}
	return w
}

func (w *watch) Write(p []byte) (int, error) {
	w.alive()
	n, err := w.to.Write(p)
	w.err = cmp.Or(w.err, err)
	return n, err
}

func (w *watch) alive() {
	if w.timer != nil {
		w.timer.Reset(w.stall)
	}
}

func (w *watch) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// explain finds out what ended a process. What the process said counts for nothing: it may be the words
// of a song's file.
func explain(err error) error {
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
		return err
	case killed(exit):
		return fmt.Errorf("it was killed (signal 9): %w", errOutOfMemory)
	case crashed(exit):
		return fmt.Errorf("%w: %w", errCrashed, err)
	default:
		return err
	}
}
