package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/peaks"
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
	// waves are what was measured of each output, at the rate of the mix.
	waves []*peaks.Meter
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
	waves []*peaks.Meter
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
		renderer: r, waves: make([]*peaks.Meter, len(r.plan.outputs)), equal: make(map[[2]int]bool),
		levels: make([]level, len(r.plan.inputs)), holes: make([]holes, len(r.plan.inputs)),
		sum: make([]float64, blockFrames*channels), samples: make([]float32, blockFrames*channels),
	}
	for i := range e.waves {
		e.waves[i] = peaks.NewMeter(r.Frames, channels)
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
	if err := e.faults(); err != nil {
		return findings{}, err
	}
	return findings{e.waves, e.sumDB()}, nil
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
	e.measure(n)
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

func (e *examination) measure(n int) {
	for i, out := range e.plan.outputs {
		samples := e.samples
		if same, ok := out.same(); ok {
			samples = e.inputs[same].samples
		} else {
			mixdown(samples, e.sum[:n], e.inputs, out.factors)
		}
		e.waves[i].Add(samples[:n])
	}
}

func (e *examination) faults() error {
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

// A level sums up the samples of a signal.
type level struct {
	// sum and square are the sums of the samples and of their squares in each channel.
	sum, square [channels]float64
}

func (l *level) add(samples []float32) {
	var sum, square [channels]float64
	for i := 0; i+1 < len(samples); i += channels {
		left, right := float64(samples[i]), float64(samples[i+1])
		sum[0] += left
		sum[1] += right
		square[0] += left * left
		square[1] += right * right
	}
	for c := range channels {
		l.sum[c] += sum[c]
		l.square[c] += square[c]
	}
}

// broken reports whether a sample was no number, or too large for any sum.
func (l *level) broken() bool {
	energy := l.energy()
	return math.IsNaN(energy) || math.IsInf(energy, 0)
}

// energy is the energy of both channels.
func (l *level) energy() float64 { return l.square[0] + l.square[1] }

// rms is the root of the mean square of all samples, without what is constant: a model that makes
// nothing gets the mean of the mix added to that, and is as silent as before.
func (l *level) rms(frames int64) float64 {
	varying := 0.0
	for c := range channels {
		varying += max(l.square[c]-l.sum[c]*l.sum[c]/float64(frames), 0)
	}
	return math.Sqrt(varying / float64(frames*channels))
}

// loudest returns the largest sample, whatever its sign.
func loudest(samples []float32) float64 {
	low, high := float32(0), float32(0)
	for _, x := range samples {
		if x > high {
			high = x
		} else if x < low {
			low = x
		}
	}
	return max(float64(high), -float64(low))
}

const (
	// shortHole is how many exact zeros in a row are too many for one channel while the other one
	// sounds: 10 ms. A network does not make them, and a mistake with the ends of segments does.
	shortHole = MixRate / 100
	// longHole is how many of those are too many for both channels at once: one second.
	longHole = 100
	// mixSounds is the smallest sample of a mix that counts as sound.
	mixSounds = 1e-6
)

// holes finds runs of exact zeros in a stem where the mix sounds.
type holes struct {
	channel [channels]hole
	// lost is the first long hole. It is a fault only in a stem that is not silent as a whole.
	lost *FaultError
	// at is the first frame of the block.
	at int64
}

// A hole is the run of zeros that a channel is in, or none.
type hole struct {
	// run counts its frames, and mix and other those of the current piece of shortHole frames in
	// which the channel of the mix sounds and the other channel of the stem does.
	run, mix, other int
	// both counts the pieces in a row in which the mix sounds and no channel of the stem does.
	both int
}

// find checks the next samples of the stem and the mix, and returns nil for no fault.
func (h *holes) find(stem, mix []float32) *FaultError {
	defer func() { h.at += int64(len(stem) / channels) }()
	for i := 0; i+1 < len(stem); i += channels {
		left, right := stem[i], stem[i+1]
		if left != 0 && right != 0 {
			if h.channel[0].run > 0 || h.channel[1].run > 0 {
				h.channel = [channels]hole{}
			}
			continue
		}
		for c, x := range [channels]float32{left, right} {
			if x != 0 {
				h.channel[c] = hole{}
				continue
			}
			short, long := h.channel[c].add(mix[i+c], stem[i+1-c])
			start := h.at + int64(i/channels+1) - int64(h.channel[c].run)
			if short {
				return &FaultError{Channel: c, Frame: start, What: "10 ms or more of digital silence, in which the song and the other channel sound"}
			}
			if long && h.lost == nil {
				h.lost = &FaultError{Channel: -1, Frame: start, What: "a second or more of digital silence, in which the song sounds"}
			}
		}
	}
	return nil
}

// add takes a frame in which the channel is zero, and reports whether it completes a hole in this
// channel alone, or one in both.
func (h *hole) add(mix, other float32) (short, long bool) {
	h.run++
	if mix > mixSounds || mix < -mixSounds {
		h.mix++
	}
	if other != 0 {
		h.other++
	}
	if h.run%shortHole != 0 {
		return false, false
	}
	mixGoes, otherGoes := h.mix > shortHole/2, h.other > shortHole/2
	h.mix, h.other = 0, 0
	switch {
	case !mixGoes:
		h.both = 0
	case otherGoes:
		return true, false
	default:
		h.both++
	}
	return false, h.both == longHole
}
