package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
)

// killGrace is how long the output of a process that was killed may stay open. A worker that is told to
// stop has 5 seconds in all.
const killGrace = 2 * time.Second

// errOutOfMemory is returned when a process most likely ended for want of memory.
var errOutOfMemory = errors.New("it ran out of memory; give the service more (mem_limit in docker-compose.yml)")

var (
	// errCrashed is returned when a process ended by a signal that is not for want of memory.
	errCrashed = errors.New("it crashed")
	// errStalled is returned when a process said nothing for too long.
	errStalled = errors.New("it made no progress")
	// errReadsOn is returned when a process said nothing for too long and read all the time.
	errReadsOn = fmt.Errorf("%w though it read on", errStalled)
)

// readsOn is how many bytes a second a process reads at least that is not kept from it by its disk.
const readsOn = 1 << 20

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
	watch := newWatch(c.stdout, c.stall, stop)
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
	err := cmd.Start()
	if err == nil {
		watch.pid.Store(int64(cmd.Process.Pid))
		err = cmd.Wait()
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("running %s: %w", c.what, ctx.Err())
	}
	reason := explain(err)
	if stalled := context.Cause(running); errors.Is(stalled, errStalled) {
		reason = fmt.Errorf("%w for %s and was ended", stalled, c.stall)
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
	late  func(error)
	timer *time.Timer
	// pid is the process; 0 until it runs.
	pid atomic.Int64
	// err is the first error of to.
	err error

	mu sync.Mutex
	// last is when it was alive, and read how many bytes it had read at some time since; -1 for not known.
	last time.Time
	read int64
}

func newWatch(to io.Writer, stall time.Duration, late func(error)) *watch {
	w := &watch{to: to, stall: stall, late: late, last: time.Now(), read: -1}
	if w.to == nil {
		w.to = io.Discard
	}
	if stall > 0 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.timer = time.AfterFunc(stall/2, w.check)
	}
	return w
}

// check sees after half of the time what the process has read, and after all of it whether it has read on.
func (w *watch) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	silent := time.Since(w.last)
	switch read := bytesRead(int(w.pid.Load())); {
	case silent >= w.stall && w.read >= 0 && float64(read-w.read) >= readsOn*w.stall.Seconds()/2:
		w.late(errReadsOn)
	case silent >= w.stall:
		w.late(errStalled)
	case silent >= w.stall/2:
		w.read = read
		w.timer.Reset(w.stall - silent)
	default:
		w.timer.Reset(w.stall/2 - silent)
	}
}

func (w *watch) Write(p []byte) (int, error) {
	w.alive()
	n, err := w.to.Write(p)
	w.err = cmp.Or(w.err, err)
	return n, err
}

func (w *watch) alive() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last, w.read = time.Now(), -1
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

const (
	// tailSize is how much of a process's standard error is kept.
	tailSize = 8 << 10
	// longestLine is how much of one line is worth showing.
	longestLine = 500
)

// A lineWriter calls line for each complete line written to it. Lines that are too long to be
// any that someone waits for are dropped.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 {
			break
		}
		w.line(string(w.rest[:end]))
		w.rest = w.rest[end+1:]
	}
	if len(w.rest) > tailSize {
		w.rest = nil
	}
	return len(p), nil
}

// A tail keeps the end of what is written to it.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - tailSize; over > 0 {
		t.data = slices.Delete(t.data, 0, over)
	}
	return len(p), nil
}

func (t *tail) text() string { return string(t.data) }

// telling returns the line that says most: the last one that names an error, or else the last
// one that is neither a stack frame nor a version. Nothing in it can disturb a terminal.
func (t *tail) telling() string {
	last := ""
	for line := range strings.Lines(t.text()) {
		line = printable(line)
		switch {
		case line == "", strings.HasPrefix(line, "at "), strings.HasPrefix(line, "Node.js v"):
		case strings.Contains(line, "Error:"), !strings.Contains(last, "Error:"):
			last = line
		}
	}
	return last
}

// printable makes a line fit to be shown: without control characters, and not too long.
func printable(line string) string {
	line = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(line, "?"))
	line = strings.TrimSpace(line)
	if len(line) > longestLine {
		line = strings.ToValidUTF8(line[:longestLine], "") + "..."
	}
	return line
}

// plainLine drops what means nothing to a person from a line of ffmpeg: the part that speaks,
// with its address in memory, and the name that every source has.
func plainLine(line string) string {
	line = regexp.MustCompile(`^\[[^]]*\] *`).ReplaceAllString(line, "")
	return strings.TrimPrefix(line, "file:source: ")
}
