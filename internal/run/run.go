// Package run is the only package that starts processes.
//
// Arguments reach the program as they are: no shell, no expansion of $X (mage/sh
// expands them), no joining. Every command has a context; when that ends, the command
// and all of its children are asked to stop (SIGTERM) and killed after a grace period.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// grace is how long a command may take to stop after its context ended. Mage gives a
// target 5 seconds after an interrupt, so ours must be shorter.
const grace = 3 * time.Second

// stderrKept is how many bytes of a failed command's standard error an Error keeps.
const stderrKept = 8 << 10

// Cmd is one command to run.
type Cmd struct {
	// Name is the program: a path, or a name to look up in this process's PATH.
	Name string
	// Args are the arguments, without the program itself.
	Args []string
	// Dir is the working folder; empty means this process's.
	Dir string
	// Env is the whole environment; nil means this process's.
	Env []string
	// Sudo is the command line that makes this command run as root ("sudo", "-n"), empty
	// where it runs as this user. It is put in front, and needed again to stop the
	// command: this user may not signal root's processes.
	Sudo []string
	// Stdin is the standard input; nil means empty.
	Stdin io.Reader
	// Stdout and Stderr receive the output; nil drops it. An *os.File is handed to the
	// command itself, which can then see that it is a terminal. The last part of what
	// goes to any other standard error is kept for Error.
	Stdout, Stderr io.Writer
}

// String is the command line for messages only; it is never run.
func (c Cmd) String() string { return strings.Join(c.argv(), " ") }

func (c Cmd) argv() []string {
	return append(append(append([]string{}, c.Sudo...), c.Name), c.Args...)
}

// Runner runs commands.
type Runner interface {
	// Run runs the command to its end. The error is an *Error, except when ctx ended
	// first: then it wraps ctx's.
	Run(ctx context.Context, c Cmd) error
}

// Error is returned when a command could not be started or did not exit with 0.
type Error struct {
	// Cmd is the command.
	Cmd Cmd
	// Stderr is the last part of what it wrote to standard error, trimmed.
	Stderr string
	// Err is the cause: an *exec.ExitError, or why it did not start
	// (NotFound(err) when there is no such program).
	Err error
}

// Error names the command, what happened, and what the command said itself; of what the
// user has seen already only the last line.
func (e *Error) Error() string {
	text := fmt.Sprintf("running %q: %v", e.Cmd.String(), e.Err)
	said := e.Stderr
	if e.Cmd.Stderr != nil {
		said = said[strings.LastIndexByte(said, '\n')+1:]
	}
	if said != "" {
		text += ": " + said
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the command's exit code, or -1 when it did not start or was killed.
func (e *Error) ExitCode() int {
	var exited *exec.ExitError
	if errors.As(e.Err, &exited) {
		return exited.ExitCode()
	}
	return -1
}

// Local runs commands on this machine.
type Local struct{}

// Run implements Runner.
func (Local) Run(ctx context.Context, c Cmd) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("running %q: %w", filepath.Base(c.Name), err)
	}
	// A command whose output is no longer taken is stopped: it might write, or wait, for ever.
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	argv := c.argv()
	cmd := exec.CommandContext(running, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.Dir, c.Env, c.Stdin
	tail := &tailBuffer{limit: stderrKept}
	cmd.Stdout = stopping(c.Stdout, stop)
	switch stderr := c.Stderr.(type) {
	case nil:
		cmd.Stderr = tail
	case *os.File:
		cmd.Stderr = stderr
	default:
		cmd.Stderr = io.MultiWriter(stopping(stderr, stop), tail)
	}
	ownGroup(cmd, c.Sudo)
	cmd.WaitDelay = grace
	err := cmd.Run()
	if running.Err() != nil {
		killGroup(cmd, c.Sudo)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("running %q: %w", filepath.Base(c.Name), ctx.Err())
	}
	if running.Err() != nil {
		err = context.Cause(running)
	}
	if err != nil {
		return &Error{Cmd: c, Stderr: tail.String(), Err: err}
	}
	return nil
}

// Output runs the command and returns its standard output, of at most MaxOutput bytes.
func Output(ctx context.Context, r Runner, c Cmd) ([]byte, error) {
	var out Buffer
	c.Stdout = &out
	err := r.Run(ctx, c)
	return out.Bytes(), err
}

// Combined runs the command and returns both outputs in the order they came, of at most MaxOutput bytes.
func Combined(ctx context.Context, r Runner, c Cmd) ([]byte, error) {
	var out Buffer
	c.Stdout, c.Stderr = &out, &out
	err := r.Run(ctx, c)
	return out.Bytes(), err
}

// Detach starts a command that goes on after this process has ended: in a session of
// its own, without a standard input, both outputs appended to the file logPath.
func Detach(c Cmd, logPath string) error {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log of %q: %w", c.Name, err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	argv := c.argv()
	//nolint:noctx // outliving every context is its purpose
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, log, log
	ownSession(cmd)
	if err := cmd.Start(); err != nil {
		return &Error{Cmd: c, Err: err}
	}
	// Released, so that it does not stay a zombie while this process goes on.
	return cmd.Process.Release()
}

// NotFound reports whether a command did not start because there is no such program in PATH.
func NotFound(err error) bool { return errors.Is(err, exec.ErrNotFound) }

// Find returns the path of a program in PATH; NotFound(err) when there is
// none.
func Find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("looking for %q in PATH: %w", name, err)
	}
	return path, nil
}

// tailBuffer keeps the last limit bytes written to it.
type tailBuffer struct {
	buf   []byte
	limit int
}

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.limit; over > 0 {
		t.buf = t.buf[over:]
	}
	return len(p), nil
}

func (t *tailBuffer) String() string { return strings.TrimSpace(string(t.buf)) }

// Lookup returns a variable of an environment, whose entries are NAME=value. As for a command, the last entry
// of a name counts.
func Lookup(environ []string, name string) (string, bool) {
	for _, entry := range slices.Backward(environ) {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value, true
		}
	}
	return "", false
}

// Getenv returns the value of a variable as Lookup does, and "" if it is not set.
func Getenv(environ []string, name string) string {
	value, _ := Lookup(environ, name)
	return value
}
