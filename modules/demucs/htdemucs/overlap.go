package htdemucs

import (
	"context"
	"fmt"
	"math"
)

// peak is the largest weight of the triangle.
const peak = Segment / 2

// triangle is the weight of a frame of a segment before normalization.
func triangle(i int64) int64 { return min(i+1, Segment-i) }

// weight is the weight of one frame of a segment, so that the weights of all segments at a frame of the
// song add up to 1. inPass counts from the start of the pass, inChunk from that of the segment.
func weight(inPass, inChunk, stride int64) float64 {
	return float64(triangle(inChunk)) / float64(triangles(inPass, stride))
}

// triangles is the sum of the weights of all segments that cover a frame: those that begin at a
// multiple of stride, from 0 on.
func triangles(inPass, stride int64) int64 {
	first := inPass % stride // the frame in the last segment that covers it; then first+stride ...
	n := min(inPass/stride, (Segment-1-first)/stride) + 1
	var rising int64 // how many of them are before the peak
	if first < peak {
		rising = min(n, (peak-1-first)/stride+1)
	}
	falling := n - rising
	// arithmetic series: rising from first+1 on, falling from Segment-first-rising*stride on
	return rising*(first+1) + stride*rising*(rising-1)/2 +
		falling*(Segment-first) - stride*falling*(rising+n-1)/2
}

// ring sums up frames that are not complete, in all channels. A frame's place is its number modulo
// the length, so that nothing moves.
type ring struct {
	channels [][]float32
	size     int64
	at       int64 // the first frame that was not dropped
}

func newRing(channels, size int) ring {
	r := ring{channels: make([][]float32, channels), size: int64(size)}
	for c := range r.channels {
		r.channels[c] = make([]float32, size)
	}
	return r
}

// add adds weights * (a+b) from a frame on. The frames must be within size of the first one that
// was not dropped.
func (r *ring) add(channel int, from int64, weights, a []float64, b []float32) {
	for len(weights) > 0 {
		to := r.channels[channel][from%r.size:]
		to = to[:min(len(to), len(weights))]
		w, a1, b1 := weights[:len(to)], a[:len(to)], b[:len(to)]
		for i := range to {
			to[i] += float32(w[i] * (a1[i] + float64(b1[i])))
		}
		from += int64(len(to))
		weights, a, b = weights[len(to):], a[len(to):], b[len(to):]
	}
}

// next is how many frames before until are contiguous.
func (r *ring) next(until int64) int {
	return int(min(until-r.at, r.size-r.at%r.size))
}

// take returns the next n frames of a channel, which may be changed until they are dropped.
func (r *ring) take(channel, n int) []float32 {
	return r.channels[channel][r.at%r.size:][:n]
}

// drop frees the next n frames for later ones.
func (r *ring) drop(n int) {
	for c := range r.channels {
		clear(r.take(c, n))
	}
	r.at += int64(n)
}

// scale is how the mix is normalized.
type scale struct {
	mean, deviation float64
}

// leastDeviation keeps silence from being divided by zero.
const leastDeviation = 1e-8

// aliveEvery is after how many frames alive is called: 4 minutes of sound.
const aliveEvery = 240 * SampleRate

// measure reads the whole mix once, into the network's input, and calls alive now and then.
func measure(ctx context.Context, net Network, mix Mix, alive func()) (scale, error) {
	buffer, _ := net.Inputs()
	if len(buffer) != 2*Segment {
		return scale{}, fmt.Errorf("separating: the network takes %d samples, not 2*%d", len(buffer), Segment)
	}
	var m moments
	frames := mix.Frames()
	const block = Segment / 10
	for at := int64(0); at < frames; at += block {
		if err := ctx.Err(); err != nil {
			return scale{}, err
		}
		n := min(block, frames-at)
		l, r := buffer[:n], buffer[Segment:][:n]
		if err := mix.ReadFrames(l, r, at); err != nil {
			return scale{}, fmt.Errorf("reading %d frames of the mix from frame %d: %w", n, at, err)
		}
		m.add(l, r)
		if at/aliveEvery != (at+n)/aliveEvery {
			alive()
		}
	}
	return m.scale(), nil
}

// apply normalizes samples.
func (s scale) apply(samples []float32) {
	for i, x := range samples {
		samples[i] = float32((float64(x) - s.mean) / s.deviation)
	}
}

// undo is the inverse of apply.
func (s scale) undo(samples []float32) {
	for i, x := range samples {
		samples[i] = float32(float64(x)*s.deviation + s.mean)
	}
}

// moments are the moments of the mono mix of all frames so far. Blocks are merged as in T. Chan, G.
// Golub, R. LeVeque, "Algorithms for computing the sample variance" (1983), which loses no digits
// where the mean is large.
type moments struct {
	n, mean, squares float64 // squares is the sum of (x-mean)^2
}

func (m *moments) add(l, r []float32) {
	n := float64(len(l))
	var mean, squares float64
	for i := range l {
		mean += mono(l[i], r[i])
	}
	mean /= n
	for i := range l {
		d := mono(l[i], r[i]) - mean
		squares += d * d
	}
	d := mean - m.mean
	all := m.n + n
	m.mean += d * n / all
	m.squares += squares + d*d*m.n*n/all
	m.n = all
}

// scale gives the unbiased deviation. One frame has none: it counts as zero, where the original
// divides by zero.
func (m *moments) scale() scale {
	return scale{m.mean, math.Sqrt(m.squares/max(1, m.n-1)) + leastDeviation}
}

func mono(l, r float32) float64 { return (float64(l) + float64(r)) / 2 }
