package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/im2-audio/im2/pipeline/job"
)

const (
	// audible is the level (RMS, constant parts apart) above which a mix is not silent: -120 dB of
	// full scale, a thirtieth of the last bit of 16.
	audible = 1e-6
	// inaudible is how much quieter than the mix a stem is that counts as silent: 80 dB.
	inaudible = 1e-4
	// mostSum bounds what is told of a sum that is exact.
	mostSum = 200
)

// findings are what the pass over the raw stems is for.
type findings struct {
	// peak is the largest sample of each output, at the rate of the mix.
	peak []float64
	// sum is Made.SumDB.
	sum *float64
}

// An examination is that pass.
type examination struct {
	*renderer
	// inputs are the mix and the stems, levels and holes belong to them.
	inputs []*rawFile
	levels []level
	holes  []holes
	// equal has the pairs of stems that are the same so far.
	equal map[[2]int]bool
	peak  []float64
	// lack is the energy of what the stems lack of the mix.
	lack float64
	// sum and samples are for an output that has several inputs.
	sum     []float64
	samples []float32
	// at is the first frame of the block.
	at int64
}

// examine reads the mix and all raw stems once. A *FaultError is something that the engine did wrong.
func (r *renderer) examine(ctx context.Context) (findings, error) {
	e := &examination{
		renderer: r, peak: make([]float64, len(r.plan.outputs)), equal: make(map[[2]int]bool),
		levels: make([]level, len(r.plan.inputs)), holes: make([]holes, len(r.plan.inputs)),
		sum: make([]float64, blockFrames*channels), samples: make([]float32, blockFrames*channels),
	}
	defer e.close()
	if err := e.open(); err != nil {
		return findings{}, err
	}
	for left := r.Frames; left > 0; {
		if err := ctx.Err(); err != nil {
			return findings{}, fmt.Errorf("checking the stems: %w", err)
		}
		frames := int(min(left, blockFrames))
		if err := e.block(frames); err != nil {
			return findings{}, err
		}
		e.at += int64(frames)
		left -= int64(frames)
		r.progress.add(int64(frames))
	}
	if err := e.judge(); err != nil {
		return findings{}, err
	}
	return findings{e.peak, e.sumDB()}, nil
}

func (e *examination) open() error {
	for i, name := range e.plan.inputs {
		raw, err := openRaw(e.Work, e.path(i))
		switch {
		case i != mixInput && errors.Is(err, fs.ErrNotExist):
			return &FaultError{Stem: name, Channel: -1, Frame: -1, What: "it was not made"}
		case i != mixInput && errors.Is(err, job.ErrNotFile):
			return &FaultError{Stem: name, Channel: -1, Frame: -1, What: err.Error()}
		case err != nil:
			return fmt.Errorf("checking the stems: %w", err)
		}
		e.inputs = append(e.inputs, raw)
		want := e.Frames * RawFrame
		switch {
		case raw.size == want:
		case i == mixInput:
			return fmt.Errorf("checking the stems: the mix has %d bytes, and %d frames take %d", raw.size, e.Frames, want)
		default:
			return &FaultError{Stem: name, Channel: -1, Frame: -1, What: fmt.Sprintf("it has %s, and the mix has %d frames", length(raw.size), e.Frames)}
		}
		for j := 1; j < i; j++ {
			e.equal[[2]int{j, i}] = true
		}
	}
	return nil
}

func length(size int64) string {
	if size%RawFrame != 0 {
		return fmt.Sprintf("%d bytes, which are no whole frames", size)
	}
	return fmt.Sprintf("%d frames", size/RawFrame)
}

func (e *examination) close() {
	for _, in := range e.inputs {
		_ = in.file.Close()
	}
}

func (e *examination) block(frames int) error {
	n := frames * channels
	for i, in := range e.inputs {
		if err := in.read(frames); err != nil {
			return err
		}
		in.decode(frames)
		samples := in.samples[:n]
		e.levels[i].add(samples)
		if i == mixInput {
			continue
		}
		if e.levels[i].broken() {
			return e.notFinite(i, samples)
		}
		if hole := e.holes[i].find(samples, e.inputs[mixInput].samples[:n]); hole != nil {
			hole.Stem = e.plan.inputs[i]
			return hole
		}
	}
	for pair := range e.equal {
		if !bytes.Equal(e.inputs[pair[0]].data[:n*rawSample], e.inputs[pair[1]].data[:n*rawSample]) {
			delete(e.equal, pair)
		}
	}
	e.addUp(n)
	e.peaks(n)
	return nil
}

func (e *examination) notFinite(input int, samples []float32) error {
	for i, x := range samples {
		if y := float64(x); math.IsNaN(y) || math.IsInf(y, 0) {
			return &FaultError{
				Stem: e.plan.inputs[input], Channel: i % channels, Frame: e.at + int64(i/channels),
				What: fmt.Sprintf("a sample is %v, which is no number", y),
			}
		}
	}
	return &FaultError{Stem: e.plan.inputs[input], Channel: -1, Frame: -1, What: "its samples are far beyond any sound"}
}

func (e *examination) addUp(n int) {
	lack := e.sum[:n]
	for j, x := range e.inputs[mixInput].samples[:n] {
		lack[j] = float64(x)
	}
	for _, in := range e.inputs[1:] {
		for j, x := range in.samples[:n] {
			lack[j] -= float64(x)
		}
	}
	for _, x := range lack {
		e.lack += x * x
	}
}

func (e *examination) peaks(n int) {
	for i, out := range e.plan.outputs {
		samples := e.samples
		if same, ok := out.same(); ok {
			samples = e.inputs[same].samples
		} else {
			mixdown(samples, e.sum[:n], e.inputs, out.factors)
		}
		e.peak[i] = max(e.peak[i], loudest(samples[:n]))
	}
}

func (e *examination) judge() error {
	mix := e.levels[mixInput].rms(e.Frames)
	if mix <= audible {
		return nil
	}
	silent := func(i int) bool { return e.levels[i].rms(e.Frames) <= mix*inaudible }
	heard := false
	for i := range e.Sources {
		heard = heard || !silent(1+i)
	}
	if !heard {
		return &FaultError{Channel: -1, Frame: -1, What: "all of them are silent, and the song is not"}
	}
	for i, name := range e.plan.inputs {
		if lost := e.holes[i].lost; lost != nil && !silent(i) {
			lost.Stem = name
			return lost
		}
	}
	for pair := range e.equal {
		if !silent(pair[0]) {
			return &FaultError{
				Stem: e.plan.inputs[pair[0]], Channel: -1, Frame: -1,
				What: fmt.Sprintf("it is the same as %q", e.plan.inputs[pair[1]]),
			}
		}
	}
	return nil
}

// sumDB is the energy of the mix beside that of what the stems lack of it.
func (e *examination) sumDB() *float64 {
	if e.levels[mixInput].rms(e.Frames) <= audible {
		return nil
	}
	db := float64(mostSum)
	if e.lack > 0 {
		db = min(10*math.Log10(e.levels[mixInput].energy()/e.lack), mostSum)
	}
	return &db
}
