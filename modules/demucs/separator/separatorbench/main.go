//go:build unix

// Command separatorbench is what "mage bench" runs in a container of the demucs image, since the
// targets and the services know each other only through files.
//
//	separatorbench limit                                      prints what one thread can multiply
//	separatorbench separate [-low] -threads N MODEL MIX OUT   becomes the engine's process
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/im2-audio/im2/modules/demucs/separator"
)

// The service's program and ONNX Runtime's library, where the image has them.
const (
	program = "/usr/local/bin/demucs"
	library = "/usr/local/lib/im2/libonnxruntime.so.1"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // a main package may
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "limit":
		best, err := limit(library)
		if err == nil {
			_, err = fmt.Fprintf(out, "{\"gflop_per_core_second\": %.1f}\n", best)
		}
		return err
	case len(args) > 0 && args[0] == "separate":
		r, low, err := parse(args[1:])
		if err != nil {
			return err
		}
		argv := append([]string{program}, r.Args()...)
		return syscall.Exec(program, argv, append(os.Environ(), separator.Environ(low)...)) //nolint:gosec,forbidigo // It becomes the engine, as the service starts it.
	}
	return errors.New("wrong use: separatorbench limit, or separatorbench separate [-low] [-threads N] MODEL MIX OUT")
}

// parse reads what the worker would ask of the engine without a setting of the user's.
func parse(args []string) (r separator.Request, low bool, err error) {
	r = separator.Request{Library: library, Overlap: 0.25}
	flags := flag.NewFlagSet("separatorbench separate", flag.ContinueOnError)
	flags.BoolVar(&low, "low", false, "save memory")
	flags.IntVar(&r.Threads, "threads", 1, "how many threads compute")
	if err := flags.Parse(args); err != nil {
		return r, low, err
	}
	if flags.NArg() != 3 {
		return r, low, errors.New("a model, a mix and a folder are needed")
	}
	r.Model, r.Mix, r.Out = flags.Arg(0), flags.Arg(1), flags.Arg(2)
	return r, low, nil
}
