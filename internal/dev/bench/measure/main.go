// Command measure runs a command and prints what it needed as JSON. "mage bench" starts it, since
// the kernel charges a process with its parent's memory at the fork: the parent must be smaller than
// the targets are. As the first process of a container it passes a signal to stop on, and then
// prints the figures all the same. "measure walk FOLDER" is a command to be measured: see walk.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/im2-audio/im2/internal/run"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := measure(ctx, os.Args[1:])
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, argv []string) error {
	if len(argv) == 0 {
		return errors.New("usage: measure COMMAND [ARG ...]")
	}
	if argv[0] == "walk" && len(argv) == 2 {
		return walk(argv[1])
	}
	u, err := run.Measure(ctx, run.Cmd{Name: argv[0], Args: argv[1:], Stdout: os.Stderr, Stderr: os.Stderr})
	if err != nil && (os.Getpid() != 1 || ctx.Err() == nil) {
		return err
	}
	// The shape of bench.Figures, which is not imported to stay small.
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"seconds": u.Wall.Seconds(), "cpu_seconds": u.CPU.Seconds(), "peak_memory_bytes": u.PeakMemory,
	})
}
