package render

import "math"

// A level sums up the samples of a signal.
type level struct {
	// sum and square are those of each channel.
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

// energy is that of both channels.
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
