package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/im2-audio/im2/modules/demucs/render"
	"github.com/im2-audio/im2/modules/demucs/separator"
	"github.com/im2-audio/im2/pipeline/execution"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/weights"
)

// An Engine separates a mix into stems.
type Engine interface {
	// Ready says what is missing for the engine to work, and which command fixes it.
	Ready() error
	// Separate reads a mix of so many frames and writes each stem of the model in o into the folder
	// outDir, which it makes, as <stem>.f32. Both are raw: 32-bit float, little-endian, left and right
	// in turn, at mixRate. It calls progress from one goroutine with the steps done and their total.
	// When ctx ends, so do all processes it started.
	Separate(ctx context.Context, mix string, frames int64, outDir string, o options.Options, progress func(done, total int)) error
}

// newEngine returns the engine that the settings name. A new engine joins here, with a stage
// of its own in the Dockerfile.
func newEngine(s *settings) (Engine, error) {
	if s.engine != "onnx" {
		return nil, unknown("engine", "DEMUCS_ENGINE", s.engine, "onnx")
	}
	return &onnx{s}, nil
}

func unknown(what, variable, value string, known ...string) error {
	return fmt.Errorf("unknown %s %q: known are %s; set %s in .env.local and run `mage up`", what, value, strings.Join(known, ", "), variable)
}

// An onnx engine runs HTDemucs on ONNX Runtime, in a separate process: what ends that ends nothing
// else.
type onnx struct{ settings *settings }

// Ready checks that the program and the library are in the image.
func (o *onnx) Ready() error {
	for _, path := range []string{o.settings.program, o.settings.library} {
		if !place.Exists(path) {
			return fmt.Errorf("the separation engine is missing: there is no %s in the image; run `mage build -module=demucs`", path)
		}
	}
	return nil
}

// Separate runs the process.
func (o *onnx) Separate(ctx context.Context, mix string, frames int64, outDir string, opt options.Options, progress func(done, total int)) error {
	if err := place.Local.Mkdir(outDir); err != nil {
		return fmt.Errorf("separating: %w", err)
	}
	s := o.settings
	request := separator.Request{
		Library: s.library, Model: filepath.Join(s.weights, weights.Folder(opt.Model, s.precision)), Mix: mix, Frames: frames, Out: outDir,
		Overlap: *opt.Overlap, Shifts: *opt.Shifts, Threads: s.threadsFor(runtime.GOMAXPROCS(0)),
	}
	// By the names that ONNX Runtime knows them by; the processor has none.
	request.Provider = map[string]string{"webgpu": "WebGPU", "cuda": "CUDA"}[s.provider]
	c := command{
		what: "the separation engine",
		path: s.program,
		args: request.Args(),
		env:  separator.Environ(execution.Memory(s.mode) == execution.Low),
		// ONNX Runtime may leave a file in its working folder, which goes with this one.
		dir:   filepath.Dir(mix),
		stall: s.stall,
		stdout: &lineWriter{line: func(line string) {
			if done, total, ok := parseProgress(line); ok {
				progress(done, total)
			}
		}},
	}
	return engineError(c.run(ctx))
}

// engineError adds to an error of the engine's process what its exit code and its words say. It is this
// program, and it says nothing that is in a song.
func engineError(err error) error {
	var failed *commandError
	var exit *exec.ExitError
	if !errors.As(err, &failed) || !errors.As(err, &exit) {
		return err
	}
	switch {
	case exit.ExitCode() == separator.ExitFull:
		failed.reason = fmt.Errorf("%w: %w", syscall.ENOSPC, exit)
	case soundsLikeMemory(failed.all):
		failed.reason = fmt.Errorf("%w: %w", errOutOfMemory, exit)
	case exit.ExitCode() == separator.ExitEnvironment:
		return &modelError{err}
	}
	return err
}

// soundsLikeMemory knows what Go, ONNX Runtime and the C library say when memory runs out.
func soundsLikeMemory(said string) bool {
	said = strings.ToLower(said)
	for _, sign := range []string{"out of memory", "bad_alloc", "cannot allocate memory"} {
		if strings.Contains(said, sign) {
			return true
		}
	}
	return false
}

func parseProgress(line string) (done, total int, ok bool) {
	_, err := fmt.Sscanf(strings.TrimSpace(line), "%d/%d", &done, &total)
	if err != nil || done < 0 || total < done {
		return 0, 0, false
	}
	return done, total, true
}

const (
	// knownFrames is how long the sound is that an engine is tried with.
	knownFrames = 2 * mixRate
	// tryAgain is how long an engine that was found unfit is not tried again.
	tryAgain = time.Minute
)

// blame finds out whose fault it is that the engine failed, was killed or made wrong stems: its own, the service's
// model's or the machine's, when it fails with a known sound as well. Then no job is charged, and none is
// claimed before that is right again. When only the model that the job asks for fails, the job is
// rejected; else it has used up an attempt: it must not keep the others waiting for ever.
func (w *worker) blame(ctx context.Context, fault error, model string) error {
	w.tryEngine(ctx)
	var own error
	if w.unfit == nil && model != w.settings.model {
		own = w.separateKnown(ctx, model)
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("trying the engine: %w", ctx.Err())
	case w.unfit != nil:
		return w.unfit
	case own != nil:
		return &rejection{fmt.Sprintf("no song can be separated with the model %q: %v. Prepare it again with \"mage demucs-cache -model=FILE\", "+
			"or choose another one; then put the song into input/ again.", model, own)}
	default:
		return fmt.Errorf("%s; it works with other audio", fault) //nolint:errorlint // it may be a modelError, and must not be one
	}
}

// fitAgain says what is wrong with the engine, which is tried again now and then.
func (w *worker) fitAgain(ctx context.Context) error {
	if w.unfit != nil && time.Since(w.tried) >= tryAgain {
		stopBeat := w.env.Health.KeepAlive(ctx)
		defer stopBeat()
		w.tryEngine(ctx)
	}
	return w.unfit
}

// tryEngine lets the engine separate a known sound, and remembers what is wrong with what it makes.
func (w *worker) tryEngine(ctx context.Context) {
	err := w.separateKnown(ctx, w.settings.model)
	w.tried, w.unfit = time.Now(), nil
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, errOutOfMemory):
		w.unfit = &modelError{fmt.Errorf("no song can be separated here: %w", err)}
	default:
		w.unfit = &modelError{fmt.Errorf("no song can be separated here: %w; run `mage demucs-cache`, and if that finds nothing `mage doctor`", err)}
	}
}

// separateKnown separates a known sound with a model, in a temporary folder, and checks the stems.
func (w *worker) separateKnown(ctx context.Context, name string) (err error) {
	dir, err := os.MkdirTemp("", "demucs-known-")
	if err != nil {
		return fmt.Errorf("trying the engine: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	settings := options.Options{Model: name}.Complete()
	model, err := w.models.find(settings.Model)
	if err != nil {
		return err
	}
	mix := filepath.Join(dir, mixName)
	if err := os.WriteFile(mix, knownSound(), 0o600); err != nil {
		return fmt.Errorf("trying the engine: %w", err)
	}
	if err := w.engine.Separate(ctx, mix, knownFrames, filepath.Join(dir, rawFolder), settings, func(int, int) {}); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("trying the engine: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return render.Check(ctx, render.Job{
		Work: root, Mix: mixName, Raw: rawFolder, Frames: knownFrames, Sources: model.stems(), Options: settings,
	})
}

// knownSound is a mix that holds something for each stem: beats of noise over two tones, one of which
// trembles as a voice does.
func knownSound() []byte {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // G404: the same sound each time
	sound := make([]byte, 0, knownFrames*mixFrameSize)
	for i := range knownFrames {
		t := float64(i) / mixRate
		beat := math.Exp(-20*math.Mod(t, 0.5)) * random.NormFloat64()
		voice := math.Sin(2*math.Pi*440*t + 2*math.Sin(2*math.Pi*5*t))
		for c := range mixChannels {
			x := 0.1*beat + 0.2*math.Sin(2*math.Pi*82*t) + 0.1*voice + 0.05*math.Sin(2*math.Pi*(660+float64(c))*t)
			sound = binary.LittleEndian.AppendUint32(sound, math.Float32bits(float32(x)))
		}
	}
	return sound
}
