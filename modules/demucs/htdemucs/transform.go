package htdemucs

import (
	"math"
	"sync"
	"sync/atomic"
)

const (
	// left is how far the first frame begins before the segment.
	left = Hop / 2 * 3
	// tileFrames are transformed together. A bin of so many frames is a line of the processor's
	// cache: the network's arrays have the frames of a bin side by side, a transform has the bins
	// of a frame.
	tileFrames = 16
	tiles      = Frames / tileFrames
	tileHop    = tileFrames * Hop
	// spread is how far a tile's last frame reaches past the beginning of the next tile.
	spread = FFTSize - Hop
	// envelope is the sum of the squared windows of all frames, at each sample.
	envelope = 1.5
)

// transform computes short-time Fourier transforms of segments and their inverse.
type transform struct {
	fft       *fft
	analysis  [FFTSize]float64 // windows with all constant factors
	synthesis [FFTSize]float64
	workers   []*worker
}

// worker has the buffers of one thread.
type worker struct {
	pair pair
	tile [2][Bins * tileFrames]float32 // real and imaginary parts
	sum  [tileHop + spread]float64
}

func newTransform(threads int) *transform {
	t := &transform{fft: newFFT(), workers: make([]*worker, threads)}
	for i := range t.workers {
		t.workers[i] = new(worker)
	}
	norm := math.Sqrt(FFTSize)
	for i := range FFTSize {
		t.analysis[i] = hann(i) / norm / 2
		t.synthesis[i] = hann(i) * norm / FFTSize / envelope
	}
	return t
}

// hann is the periodic window: sample FFTSize would be the first of the next period.
func hann(i int) float64 {
	return 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/FFTSize)
}

// reflect returns the sample that replaces sample i where that is outside of n samples.
func reflect(i, n int) int {
	switch {
	case i < 0:
		return -i
	case i >= n:
		return 2*(n-1) - i
	}
	return i
}

// each calls do for 0 to n-1, on all workers at once.
func (t *transform) each(n int, do func(w *worker, i int)) {
	var taken atomic.Int64
	var wait sync.WaitGroup
	for _, w := range t.workers[:min(n, len(t.workers))] {
		wait.Go(func() {
			for i := int(taken.Add(1)) - 1; i < n; i = int(taken.Add(1)) - 1 {
				do(w, i)
			}
		})
	}
	wait.Wait()
}

// forward fills spec, [Bins][2*channels][Frames], with the transform of samples,
// [channels][Segment].
func (t *transform) forward(samples, spec []float32) {
	channels := len(samples) / Segment
	t.each(channels*tiles, func(w *worker, i int) {
		channel, tile := i/tiles, i%tiles
		t.forwardTile(w, samples[channel*Segment:][:Segment], spec[2*channel*Frames:], 2*channels*Frames, tile)
	})
}

// forwardTile writes a tile of one channel: the real parts of a bin are at spec[0], the imaginary
// parts Frames further, and the next bin is stride further.
func (t *transform) forwardTile(w *worker, samples, spec []float32, stride, tile int) {
	for f := range tileFrames {
		t.load(&w.pair, samples, (tile*tileFrames+f)*Hop-left)
		t.fft.forward(&w.pair)
		re, im := w.tile[0][f:], w.tile[1][f:]
		for k, z := range &w.pair.a {
			re[k*tileFrames], im[k*tileFrames] = float32(real(z)), float32(imag(z))
		}
	}
	for part := range w.tile {
		to := spec[part*Frames+tile*tileFrames:]
		for k := range Bins {
			copy(to[k*stride:][:tileFrames], w.tile[part][k*tileFrames:])
		}
	}
}

// load puts the windowed frame that begins at a sample into p.
func (t *transform) load(p *pair, samples []float32, begin int) {
	if begin < 0 || begin+FFTSize > len(samples) {
		for i := range p.a {
			re, im := samples[reflect(begin+2*i, len(samples))], samples[reflect(begin+2*i+1, len(samples))]
			p.a[i] = complex(float64(re)*t.analysis[2*i], float64(im)*t.analysis[2*i+1])
		}
		return
	}
	frame := samples[begin:][:FFTSize]
	for i := range p.a {
		p.a[i] = complex(float64(frame[2*i])*t.analysis[2*i], float64(frame[2*i+1])*t.analysis[2*i+1])
	}
}

// tileRange are the samples of a segment that are complete with a tile and those before it.
func tileRange(tile int) (from, to int) {
	from, to = max(0, tile*tileHop-left), (tile+1)*tileHop-left
	if tile == tiles-1 {
		to = Segment
	}
	return from, to
}

// inverseTile returns the samples of tileRange, of one channel; spec and stride are as in
// forwardTile. Tiles come in order; tail, of the length spread, carries what reaches into the next. The result is
// valid until the worker's next tile.
func (t *transform) inverseTile(w *worker, spec []float32, stride, tile int, tail []float64) []float64 {
	for part := range w.tile {
		from := spec[part*Frames+tile*tileFrames:]
		for k := range Bins {
			copy(w.tile[part][k*tileFrames:][:tileFrames], from[k*stride:])
		}
	}
	clear(w.sum[:])
	if tile > 0 {
		copy(w.sum[:], tail)
	}
	for f := range tileFrames {
		re, im := w.tile[0][f:], w.tile[1][f:]
		for k := range w.pair.a {
			w.pair.a[k] = complex(float64(re[k*tileFrames]), float64(im[k*tileFrames]))
		}
		t.fft.inverse(&w.pair)
		sum := w.sum[f*Hop:][:FFTSize]
		for i, z := range &w.pair.a {
			sum[2*i] += imag(z) * t.synthesis[2*i]
			sum[2*i+1] += real(z) * t.synthesis[2*i+1]
		}
	}
	copy(tail, w.sum[tileHop:])
	from, to := tileRange(tile)
	begin := tile*tileHop - left
	return w.sum[from-begin : to-begin]
}
