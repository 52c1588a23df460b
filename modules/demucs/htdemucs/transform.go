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

// half is the length of the complex transform that a real one of FFTSize is computed with.
const half = FFTSize / 2

// fft computes real Fourier transforms of FFTSize samples. It has its own code because this costs a
// third of gonum's dsp/fourier, of which 3,360 transforms for each segment would be 4 % of the
// engine's whole time; github.com/mjibson/go-dsp takes five times as long as gonum.
//
// The complex transform is Stockham's, by fours (five stages, and one by twos), which needs no
// reordering. The tables are read only and may be shared by threads.
type fft struct {
	stages [][][3]complex128 // factors of each stage by fours
	turn   [half / 2]complex128
}

func newFFT() *fft {
	f := new(fft)
	for n := half; n >= 4; n /= 4 {
		stage := make([][3]complex128, n/4)
		for i := range stage {
			for k := range stage[i] {
				stage[i][k] = root(i*(k+1), n)
			}
		}
		f.stages = append(f.stages, stage)
	}
	for k := range f.turn {
		f.turn[k] = root(k, FFTSize)
	}
	return f
}

// root is e^(-2*pi*i*k/n).
func root(k, n int) complex128 {
	sin, cos := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
	return complex(cos, sin)
}

// pair has the buffers of one transform: input and output are in a.
type pair struct {
	a, b [half]complex128
}

// forward transforms FFTSize real samples, packed in p.a two by two, into the bins 0 to half-1,
// in p.a, times two. The highest bin is dropped.
func (f *fft) forward(p *pair) {
	f.transform(p)
	a := &p.a
	a[0] = complex(2*(real(a[0])+imag(a[0])), 0)
	for k := 1; k < half/2; k++ {
		x, y := a[k], conj(a[half-k])
		even, odd := x+y, f.turn[k]*timesMinusI(x-y)
		a[k], a[half-k] = even+odd, conj(even-odd)
	}
	a[half/2] = 2 * conj(a[half/2])
}

// inverse transforms the bins 0 to half-1 in p.a into real samples, times FFTSize, packed two by
// two and swapped: sample 2n is the imaginary part of p.a[n], sample 2n+1 the real part. The
// imaginary part of bin 0 counts as zero, and so does the highest bin.
func (f *fft) inverse(p *pair) {
	a := &p.a
	a[0] = complex(real(a[0]), real(a[0])) // the same swapped
	for k := 1; k < half/2; k++ {
		x, y := a[k], conj(a[half-k])
		even, odd := x+y, conj(f.turn[k])*(x-y)
		// even + i*odd and its mirror conj(even - i*odd), each with its parts swapped
		a[k] = complex(imag(even)+real(odd), real(even)-imag(odd))
		a[half-k] = complex(real(odd)-imag(even), real(even)+imag(odd))
	}
	a[half/2] = 2 * complex(-imag(a[half/2]), real(a[half/2]))
	f.transform(p)
}

// transform is the complex transform of p.a, into p.a.
func (f *fft) transform(p *pair) {
	x, y := p.a[:], p.b[:]
	for i, stage := range f.stages {
		if i == 0 {
			firstStage(x, y, stage)
		} else {
			laterStage(x, y, stage, 1<<(2*i))
		}
		x, y = y, x
	}
	// five stages: x is p.b
	low, high := x[:half/2], x[half/2:][:half/2]
	sum, difference := y[:half/2], y[half/2:][:half/2]
	for i := range low {
		sum[i], difference[i] = low[i]+high[i], low[i]-high[i]
	}
}

// firstStage is laterStage for a stride of one, where the inner loop has one turn.
func firstStage(x, y []complex128, factors [][3]complex128) {
	m := len(factors)
	x0, x1, x2, x3 := x[:m], x[m:][:m], x[2*m:][:m], x[3*m:][:m]
	for i := range factors {
		w, out := &factors[i], y[4*i:][:4]
		out[0], out[1], out[2], out[3] = butterfly(x0[i], x1[i], x2[i], x3[i], w[0], w[1], w[2])
	}
}

// laterStage is one stage by fours: stride transforms of 4*len(factors) elements each.
func laterStage(x, y []complex128, factors [][3]complex128, stride int) {
	m := len(factors)
	for i := range factors {
		w0, w1, w2 := factors[i][0], factors[i][1], factors[i][2]
		x0, x1 := x[stride*i:][:stride], x[stride*(i+m):][:stride]
		x2, x3 := x[stride*(i+2*m):][:stride], x[stride*(i+3*m):][:stride]
		out := y[4*stride*i:][:4*stride]
		y0, y1, y2, y3 := out[:stride], out[stride:][:stride], out[2*stride:][:stride], out[3*stride:][:stride]
		for q := range x0 {
			y0[q], y1[q], y2[q], y3[q] = butterfly(x0[q], x1[q], x2[q], x3[q], w0, w1, w2)
		}
	}
}

func butterfly(a, b, c, d, w0, w1, w2 complex128) (complex128, complex128, complex128, complex128) {
	ac, bd, ca, db := a+c, b+d, a-c, timesMinusI(b-d)
	return ac + bd, w0 * (ca + db), w1 * (ac - bd), w2 * (ca - db)
}

func conj(z complex128) complex128 { return complex(real(z), -imag(z)) }

func timesMinusI(z complex128) complex128 { return complex(imag(z), -real(z)) }
