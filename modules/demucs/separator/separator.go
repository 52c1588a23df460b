// Package separator is the separation of one song in a separate process: the demucs service starts
// its own program again as "demucs engine". A library that crashes, or a kernel that kills what has too
// much memory, ends that process and not the service.
//
// The mix is read from a file of raw samples, and each stem is written to one, so that the song's
// length does not matter.
package separator

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"

	"github.com/im2-audio/im2/modules/demucs/htdemucs"
	"github.com/im2-audio/im2/modules/demucs/network"
	"github.com/im2-audio/im2/modules/demucs/onnxruntime"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/weights"
)

// Subcommand is the first argument of the service's program that makes it a separation.
const Subcommand = "engine"

// Exit codes. ExitEnvironment says that no song could be separated: the library or the model is
// missing or damaged. ExitFull says that the disk is full.
const (
	ExitFailed      = 1
	ExitUsage       = 2
	ExitEnvironment = 4
	ExitFull        = 5
)

// Request says what to separate, and how.
type Request struct {
	// Library is ONNX Runtime's shared library, and Model the folder of a prepared model, whose
	// digests the service has checked.
	Library, Model string
	// Mix has the samples: left and right in turn, 32-bit float, little endian, at 44.1 kHz.
	Mix string
	// Frames is how long the mix must be: others can write to where it is, and would have it separated for years.
	Frames int64
	// Out is a folder that exists. Each stem becomes a file NAME + Extension in it, of the mix's
	// kind and length.
	Out string
	// Provider is what computes; empty for the processor.
	Provider string
	// Overlap, Shifts and Threads are htdemucs.Options.
	Overlap float64
	Shifts  int
	Threads int
}

// Extension ends the names of the files of stems.
const Extension = ".f32"

// Args are the arguments with which the service's program does what is requested.
func (r Request) Args() []string {
	return []string{
		Subcommand, "-library", r.Library, "-model", r.Model, "-mix", r.Mix, "-frames", strconv.FormatInt(r.Frames, 10), "-out", r.Out,
		"-provider", r.Provider,
		"-overlap", strconv.FormatFloat(r.Overlap, 'g', -1, 64), "-shifts", strconv.Itoa(r.Shifts), "-threads", strconv.Itoa(r.Threads),
	}
}

// Environ is the environment of the process, for the C library's allocator in it. It frees and gets
// hundreds of megabytes for each segment. Left to itself it would ask the system for large pieces each
// time, and spend more time on empty pages than on the song; so it keeps them. With low memory it gives
// back those of more than 4 MB, which costs a third more time.
func Environ(lowMemory bool) []string {
	keep, trim := 256<<20, 128<<20
	if lowMemory {
		keep, trim = 4<<20, 32<<20
	}
	return []string{
		"MALLOC_ARENA_MAX=1",
		"MALLOC_MMAP_THRESHOLD_=" + strconv.Itoa(keep),
		"MALLOC_TRIM_THRESHOLD_=" + strconv.Itoa(trim),
		"GLIBC_TUNABLES=glibc.malloc.hugetlb=1", // Large pages, where the system offers them to those that ask.
		"ORT_DISABLE_TELEMETRY=1",               // ONNX Runtime would report its use otherwise.
	}
}

// environmentError is a fault that each song would meet.
type environmentError struct{ err error }

func (e *environmentError) Error() string { return e.err.Error() }
func (e *environmentError) Unwrap() error { return e.err }

// Main does what the arguments after Subcommand ask for, and returns the exit code. Each step done is a
// line "DONE/TOTAL" on stdout; what went wrong is the last line on stderr.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := parse(args, stderr)
	if err != nil {
		return ExitUsage
	}
	err = r.run(ctx, func(done, total int) { _, _ = fmt.Fprintf(stdout, "%d/%d\n", done, total) })
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "Error: %v\n", err)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ExitFull
	case errors.As(err, new(*environmentError)):
		return ExitEnvironment
	default:
		return ExitFailed
	}
}

func parse(args []string, stderr io.Writer) (Request, error) {
	var r Request
	flags := flag.NewFlagSet(Subcommand, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&r.Library, "library", "", "ONNX Runtime's shared library")
	flags.StringVar(&r.Model, "model", "", "the folder of a prepared model")
	flags.StringVar(&r.Mix, "mix", "", "the file with the mix's samples")
	flags.Int64Var(&r.Frames, "frames", 0, "how many frames the mix has")
	flags.StringVar(&r.Out, "out", "", "the folder for the stems")
	flags.StringVar(&r.Provider, "provider", "", "ONNX Runtime's execution provider; empty for the processor")
	flags.Float64Var(&r.Overlap, "overlap", 0.25, "the part of a segment that the next one covers as well")
	flags.IntVar(&r.Shifts, "shifts", 0, "how often to separate the song, shifted, for an average")
	flags.IntVar(&r.Threads, "threads", 1, "how many threads compute")
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unknown argument %q", flags.Arg(0))
		_, _ = fmt.Fprintf(stderr, "Error: %v\n", err)
	}
	return r, err
}

func (r Request) run(ctx context.Context, progress func(done, total int)) (err error) {
	// The heap is small beside the network's memory, and so are the steps in which it may grow.
	debug.SetGCPercent(20)
	mix, err := openMix(r.Mix, r.Frames)
	if err != nil {
		return err
	}
	defer mix.close()
	env, err := onnxruntime.Open(r.Library, onnxruntime.ThreadOptions{Threads: r.Threads})
	if err != nil {
		return &environmentError{err}
	}
	defer env.Close()
	net, err := r.load(ctx, env)
	if err != nil {
		return &environmentError{err}
	}
	defer func() { err = errors.Join(err, net.Close()) }()
	debug.FreeOSMemory() // What was read to load the network.
	stems, err := createStems(r.Out, net.Sources())
	if err != nil {
		return err
	}
	opt := htdemucs.Options{Overlap: r.Overlap, Shifts: r.Shifts, Threads: r.Threads}
	err = htdemucs.Separate(ctx, net, mix, stems, opt, progress)
	return errors.Join(err, stems.close())
}

func (r Request) load(ctx context.Context, env *onnxruntime.Environment) (*network.Network, error) {
	folder, err := place.OpenFolder(r.Model)
	if err != nil {
		return nil, fmt.Errorf("opening the model: %w", err)
	}
	defer func() { _ = folder.Close() }() // It was only read.
	manifest, err := weights.Load(folder)
	if err != nil {
		return nil, err
	}
	return network.Open(ctx, env, weights.Files{Root: folder}, manifest, network.Options{Provider: r.Provider, Threads: r.Threads})
}
