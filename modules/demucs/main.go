// Command demucs takes jobs that wait, decodes each song and separates it into stems. Any
// number of it can work side by side.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/im2-audio/im2/modules/demucs/separator"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/service"
	"github.com/im2-audio/im2/pipeline/weights"
)

const (
	defaultPoll   = 200 * time.Millisecond
	defaultEngine = "onnx"
	defaultModel  = "htdemucs"
	// defaultStall is many times what a step of the engine takes on a slow machine.
	defaultStall = 15 * time.Minute
	// defaultMaxWork is what a song may keep a worker busy with: with the defaults a day takes 32 hours of it, and with the
	// most overlap and shifts 15 minutes take all of it.
	defaultMaxWork = 500 * time.Hour
)

// settings are the values of the service's own flags.
type settings struct {
	engine, model string
	// weights is the folder of the prepared models, and precision that of those that are used.
	weights, precision string
	// texts are the values of the flags of options, by name; options are what they say.
	texts   map[string]*string
	options options.Options
	// program is run as the engine, with ONNX Runtime's library; ffprobe says what a song is, and ffmpeg
	// decodes it and encodes stems.
	program, library, ffmpeg, ffprobe string
	// longest is how long a track may play; 0 for as long as longestTrack.
	longest time.Duration
	// maxWork is how much work a song may be, as options.Work counts it.
	maxWork time.Duration
	// stall is how long ffmpeg and the engine may say nothing.
	stall time.Duration
	// memory is what the service may use; 0 when that is unknown.
	memory int64
	compute
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == separator.Subcommand {
		os.Exit(separator.Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(service.Main(demucsService()))
}

func demucsService() service.Service {
	s := &settings{}
	return service.Service{
		Name:  "demucs",
		Poll:  defaultPoll,
		Flags: s.addTo,
		Check: s.check,
		Run: func(ctx context.Context, env *service.Env) error {
			engine, err := newEngine(s)
			if err != nil {
				return err
			}
			env.Log.Info("the memory of the service", "memory", gigabytes(s.memory))
			w := newWorker(env, s, engine)
			return env.Loop(ctx, w.turn)
		},
	}
}

func (s *settings) addTo(flags *flag.FlagSet) {
	flags.StringVar(&s.engine, "engine", cmp.Or(os.Getenv("DEMUCS_ENGINE"), defaultEngine),
		"the separation engine; its default is $DEMUCS_ENGINE")
	flags.StringVar(&s.model, "model", cmp.Or(os.Getenv("DEMUCS_MODEL"), defaultModel),
		"the model; its default is $DEMUCS_MODEL")
	s.addOptions(flags)
	flags.StringVar(&s.weights, "weights", "/home/demucs/.cache/torch", "the folder of the prepared models")
	flags.StringVar(&s.precision, "precision", cmp.Or(os.Getenv("DEMUCS_PRECISION"), weights.FP32),
		"what the models are prepared in, fp32 or int8; its default is $DEMUCS_PRECISION")
	flags.StringVar(&s.program, "program", thisProgram(), "the program to run as the engine, in a separate process")
	flags.StringVar(&s.library, "library", "/usr/local/lib/im2/libonnxruntime.so.1", "ONNX Runtime's library")
	flags.StringVar(&s.ffmpeg, "ffmpeg", "ffmpeg", "what decodes songs and encodes stems")
	flags.StringVar(&s.ffprobe, "ffprobe", "ffprobe", "what says which kind of file a song is")
	flags.DurationVar(&s.longest, "max-duration", 0, "how long a track may play; by default a day")
	flags.DurationVar(&s.maxWork, "max-work", defaultMaxWork, "how much work a song may be: its length * shifts / (1 - overlap)")
	flags.DurationVar(&s.stall, "stall", defaultStall, "how long ffmpeg or the engine may make no progress before it is ended")
	s.compute.addTo(flags)
}

func thisProgram() string {
	path, err := os.Executable()
	if err != nil {
		return "demucs"
	}
	return path
}

func (s *settings) check() error {
	if s.longest < 0 || s.longest > longestTrack {
		return fmt.Errorf("-max-duration %s: it must be from 0 to %s; 0 is the same as that", s.longest, longestTrack)
	}
	if s.maxWork <= 0 {
		return fmt.Errorf("-max-work %s: it must be more than zero", s.maxWork)
	}
	if s.stall <= 0 {
		return fmt.Errorf("-stall %s: it must be more than zero", s.stall)
	}
	if err := s.compute.check(); err != nil {
		return err
	}
	if !weights.ValidName(s.model) {
		return fmt.Errorf("-model %q: no model can have that name; set DEMUCS_MODEL in .env.local and run `mage up`", s.model)
	}
	if !slices.Contains(weights.Precisions(), s.precision) {
		return unknown("precision", "DEMUCS_PRECISION", s.precision, weights.Precisions()...)
	}
	if err := s.readOptions(); err != nil {
		return err
	}
	s.memory = memoryLimit(os.DirFS("/"))
	_, err := newEngine(s)
	return err
}
