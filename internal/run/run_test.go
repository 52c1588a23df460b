package run_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/run"
)

// TestMain lets the test binary be the commands that the tests run.
func TestMain(m *testing.M) {
	switch os.Getenv("BE") {
	case "":
		m.Run()
	case "echo":
		for _, arg := range os.Args[1:] {
			_, _ = os.Stdout.WriteString(arg + "\n")
		}
	case "fail":
		_, _ = os.Stderr.WriteString("first\nno such instrument\n")
		os.Exit(3) //nolint:forbidigo // another process than the test
	case "both":
		_, _ = os.Stdout.WriteString("out\n")
		_, _ = os.Stderr.WriteString("err\n")
	case "cat":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "endless": // as a program that somebody exchanged in a container
		for zeros := make([]byte, 1<<16); ; {
			_, _ = os.Stdout.Write(zeros)
			_, _ = os.Stderr.Write(zeros)
		}
	case "much": // and waits then, also where its output is taken no more
		signal.Ignore(syscall.SIGPIPE)
		_, _ = os.Stdout.Write(make([]byte, run.MaxOutput+1))
		time.Sleep(time.Minute)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		fallthrough
	case "sleep":
		_, _ = os.Stdout.WriteString("ready\n")
		time.Sleep(time.Minute)
	}
}

// be is a command that runs this test binary.
func be(t *testing.T, what string, args ...string) run.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return run.Cmd{Name: self, Args: args, Env: append(os.Environ(), "BE="+what)}
}

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	args := []string{"$HOME", "a b", "`id`", "*", "", "-rf", "new\nline"}
	out, err := run.Output(t.Context(), run.Local{}, be(t, "echo", args...))
	if err != nil || string(out) != strings.Join(args, "\n")+"\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestAFailureSaysWhatTheCommandSaid(t *testing.T) {
	t.Parallel()
	err := run.Local{}.Run(t.Context(), be(t, "fail", "x"))
	var failed *run.Error
	if !errors.As(err, &failed) || failed.ExitCode() != 3 || !strings.Contains(err.Error(), "first\nno such instrument") {
		t.Fatalf("got %v", err)
	}
	// What the user has seen already is not said twice, but for the last line.
	c := be(t, "fail", "x")
	var seen bytes.Buffer
	c.Stderr = &seen
	err = run.Local{}.Run(t.Context(), c)
	if strings.Contains(err.Error(), "first") || !strings.Contains(err.Error(), "no such instrument") || !strings.Contains(seen.String(), "first") {
		t.Errorf("got %v, seen %q", err, seen.String())
	}
}

// A measured command gets its signals with this process's group; killed at once as well,
// it would leave its own children behind.
func TestAMeasuredCommandMayStopByItself(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan error)
	in, out := io.Pipe()
	var text bytes.Buffer
	c := be(t, "cat")
	c.Stdin, c.Stdout = in, &text
	go func() {
		_, err := run.Measure(ctx, c)
		cancelled <- err
	}()
	_, _ = io.WriteString(out, "early, ")
	cancel()
	time.Sleep(100 * time.Millisecond)
	_, _ = io.WriteString(out, "late")
	_ = out.Close()
	if err := <-cancelled; !errors.Is(err, context.Canceled) || text.String() != "early, late" {
		t.Errorf("got %q, %v", text.String(), err)
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	t.Parallel()
	err := run.Local{}.Run(t.Context(), run.Cmd{Name: "no-such-program-of-im2"})
	var failed *run.Error
	if !errors.Is(err, exec.ErrNotFound) || !errors.As(err, &failed) || failed.ExitCode() != -1 {
		t.Errorf("got %v", err)
	}
	if _, err := run.Find("no-such-program-of-im2"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestCombinedLosesNothing(t *testing.T) {
	t.Parallel()
	out, err := run.Combined(t.Context(), run.Local{}, be(t, "both"))
	if err != nil || !strings.Contains(string(out), "out\n") || !strings.Contains(string(out), "err\n") {
		t.Errorf("got %q, %v", out, err)
	}
}

// A program in a container that answered with endless zeros took "mage verify" to 1.7 GB in 13 s.
func TestOutputWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		what string
		read func(context.Context, run.Runner, run.Cmd) ([]byte, error)
	}{
		"output":                  {"endless", run.Output},
		"both outputs":            {"endless", run.Combined},
		"of one that waits after": {"much", run.Output},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			out, err := c.read(ctx, run.Local{}, be(t, c.what))
			var failed *run.Error
			var much *run.TooMuchError
			if !errors.As(err, &failed) || !errors.As(err, &much) || !strings.Contains(err.Error(), "wrote more than 8.0 MiB") {
				t.Errorf("got %v", err)
			}
			if len(out) > run.MaxOutput {
				t.Errorf("%d bytes were kept", len(out))
			}
		})
	}
}

func TestAnInterruptStopsTheCommand(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"sleep", "deaf"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			c := be(t, what)
			var start time.Time
			c.Stdout = writer(func([]byte) { start = time.Now(); cancel() }) // once it is ready
			err := run.Local{}.Run(ctx, c)
			if took := time.Since(start); !errors.Is(err, context.Canceled) || took > 5*time.Second {
				t.Errorf("got %v after %s", err, took)
			}
			if err := (run.Local{}).Run(ctx, be(t, "echo")); !errors.Is(err, context.Canceled) {
				t.Errorf("a command was started after the interrupt: %v", err)
			}
		})
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

func TestDetach(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	if err := run.Detach(be(t, "echo", "hello"), log); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if text, _ := os.ReadFile(log); strings.Contains(string(text), "hello\n") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing in the log")
		}
	}
}
