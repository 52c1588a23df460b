package htdemucs

import (
	"context"
	"fmt"
	"math"
)

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

// moments are those of the frames so far, of their mono mix. Blocks are merged as in T. Chan, G.
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
