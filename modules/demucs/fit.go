package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/im2-audio/im2/modules/demucs/render"
	"github.com/im2-audio/im2/pipeline/options"
)

const (
	// knownFrames is how long the sound is that an engine is tried with.
	knownFrames = 2 * mixRate
	// tryAgain is how long an engine that was found unfit is not tried again.
	tryAgain = time.Minute
)

// blame finds out whose fault it is that the engine failed or made wrong stems: its own, the service's
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
		return fmt.Errorf("%s; with another sound it works", fault) //nolint:errorlint // it may be a modelError, and must not be one
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
	if err != nil && ctx.Err() == nil {
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
	settings := options.Options{Model: name}.Over(options.Default())
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
