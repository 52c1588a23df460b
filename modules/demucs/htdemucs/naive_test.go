package htdemucs_test

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/im2-audio/im2/modules/demucs/htdemucs"
)

// This file is the algorithm a second time, with whole songs in memory and each step written the
// way the original's authors describe it, as simply as possible. It shares nothing with the
// package but its constants.

const (
	segment = htdemucs.Segment
	size    = htdemucs.FFTSize
	hop     = htdemucs.Hop
	frames  = htdemucs.Frames
	bins    = htdemucs.Bins
)

// naiveRoots are e^(sign*2*pi*i*k/n).
func naiveRoots(n int, sign float64) []complex128 {
	roots := make([]complex128, n)
	for k := range roots {
		roots[k] = cmplx.Rect(1, sign*2*math.Pi*float64(k)/float64(n))
	}
	return roots
}

// naiveFFT is the textbook's recursion, forward with the roots for sign -1 and backward with
// those for 1, down to short sums. Nothing is scaled.
func naiveFFT(x, roots []complex128) []complex128 {
	n := len(x)
	y := make([]complex128, n)
	if n <= 8 {
		for k := range y {
			for i, v := range x {
				y[k] += v * roots[i*k*len(roots)/n%len(roots)]
			}
		}
		return y
	}
	even, odd := make([]complex128, n/2), make([]complex128, n/2)
	for i := range even {
		even[i], odd[i] = x[2*i], x[2*i+1]
	}
	even, odd = naiveFFT(even, roots), naiveFFT(odd, roots)
	for k := range even {
		t := roots[k*len(roots)/n] * odd[k]
		y[k], y[k+n/2] = even[k]+t, even[k]-t
	}
	return y
}

func naiveWindow(i int) float64 { return math.Pow(math.Sin(math.Pi*float64(i)/size), 2) }

// naiveReflect is torch's F.pad with mode "reflect".
func naiveReflect(x []float64, left, right int) []float64 {
	out := make([]float64, 0, left+len(x)+right)
	for i := left; i >= 1; i-- {
		out = append(out, x[i])
	}
	out = append(out, x...)
	for i := range right {
		out = append(out, x[len(x)-2-i])
	}
	return out
}

// naivePadded is what the frames of torch.stft are cut out of: padded by _spec, and by center.
func naivePadded(x []float32) []float64 {
	wide := make([]float64, len(x))
	for i, v := range x {
		wide[i] = float64(v)
	}
	pad := hop / 2 * 3
	le := int(math.Ceil(float64(len(x)) / hop))
	return naiveReflect(naiveReflect(wide, pad, pad+le*hop-len(x)), size/2, size/2)
}

// naiveFrame is a frame of torch.stft before the transform.
func naiveFrame(padded []float64, t int) []complex128 {
	frame := make([]complex128, size)
	for i := range frame {
		frame[i] = complex(padded[t*hop+i]*naiveWindow(i), 0)
	}
	return frame
}

// naiveSpec is _spec and _magnitude for one channel: [2][bins][frames].
func naiveSpec(x []float32) []float32 {
	padded, roots := naivePadded(x), naiveRoots(size, -1)
	all := make([][]complex128, 0, frames+4)
	for t := 0; t*hop+size <= len(padded); t++ {
		all = append(all, naiveFFT(naiveFrame(padded, t), roots))
	}
	spec := make([]float32, 2*bins*frames)
	for t, z := range all[2 : 2+frames] {
		for k := range bins {
			v := z[k] / complex(math.Sqrt(size), 0)
			spec[k*frames+t], spec[(bins+k)*frames+t] = float32(real(v)), float32(imag(v))
		}
	}
	return spec
}

// naiveInverse is _ispec with torch.istft for one channel.
func naiveInverse(spec []float32) []float64 {
	total := size + hop*(frames+4-1)
	sum, envelope, roots := make([]float64, total), make([]float64, total), naiveRoots(size, 1)
	for t := range frames + 4 {
		z := make([]complex128, size)
		if f := t - 2; f >= 0 && f < frames {
			for k := range bins {
				z[k] = complex(float64(spec[k*frames+f]), float64(spec[(bins+k)*frames+f]))
			}
			z[0] = complex(real(z[0]), 0)
			for k := 1; k < bins; k++ {
				z[size-k] = cmplx.Conj(z[k])
			}
			z = naiveFFT(z, roots)
		}
		for i := range size {
			w := naiveWindow(i)
			sum[t*hop+i] += real(z[i]) / size * math.Sqrt(size) * w
			envelope[t*hop+i] += w * w
		}
	}
	out := make([]float64, segment)
	for i := range out {
		j := size/2 + hop/2*3 + i
		out[i] = sum[j] / envelope[j]
	}
	return out
}

// model is a network as a function: from mix [2][segment] and spec to spec and wave of each stem.
type model func(mix, spec []float32) (outSpec, outWave []float32)

// naiveModel is the original's whole model: [channels of all sources][segment].
func naiveModel(m model, mix [2][]float32) [][]float64 {
	spec := append(naiveSpec(mix[0]), naiveSpec(mix[1])...)
	outSpec, outWave := m(append(append([]float32{}, mix[0]...), mix[1]...), spec)
	out := make([][]float64, len(outWave)/segment)
	for c := range out {
		out[c] = naiveInverse(outSpec[c*2*bins*frames : (c+1)*2*bins*frames])
		for i := range out[c] {
			out[c][i] += float64(outWave[c*segment+i])
		}
	}
	return out
}

// naiveSplit is apply_model with split: song may be zeros at both ends, and the part from offset
// on, length frames, is separated.
func naiveSplit(m model, song [2][]float32, offset, length int, overlap float64) [][]float64 {
	var out [][]float64
	sum := make([]float64, length)
	for at := 0; at < length; at += int((1 - overlap) * segment) {
		n := min(segment, length-at)
		start := offset + at - (segment-n)/2
		var padded [2][]float32
		for c := range padded {
			padded[c] = make([]float32, segment)
			for i := range padded[c] {
				if j := start + i; j >= 0 && j < len(song[c]) {
					padded[c][i] = song[c][j]
				}
			}
		}
		for c, y := range naiveModel(m, padded) {
			if at == 0 {
				out = append(out, make([]float64, length))
			}
			for i := range n {
				out[c][at+i] += naiveTriangle(i) * y[(segment-n)/2+i]
			}
		}
		for i := range n {
			sum[at+i] += naiveTriangle(i)
		}
	}
	for c := range out {
		for i := range out[c] {
			out[c][i] /= sum[i]
		}
	}
	return out
}

func naiveTriangle(i int) float64 {
	if i < segment/2 {
		return float64(1+i) / (segment / 2)
	}
	return float64(segment-segment/2-(i-segment/2)) / (segment / 2)
}

// naiveSeparate is separate_tensor. silences are what shifts put before the song, at most half a
// second each; nil is no shifts.
func naiveSeparate(m model, song [2][]float32, overlap float64, silences []int) [][]float64 {
	n := len(song[0])
	mono := make([]float64, n)
	var mean, deviation float64
	for i := range mono {
		mono[i] = (float64(song[0][i]) + float64(song[1][i])) / 2
		mean += mono[i] / float64(n)
	}
	for _, x := range mono {
		deviation += (x - mean) * (x - mean)
	}
	deviation = math.Sqrt(deviation/float64(max(1, n-1))) + 1e-8
	const most = htdemucs.SampleRate / 2
	var padded [2][]float32
	for c := range padded {
		padded[c] = make([]float32, n+2*most)
		for i, x := range song[c] {
			padded[c][most+i] = float32((float64(x) - mean) / deviation)
		}
	}
	var out [][]float64
	if len(silences) == 0 {
		out = naiveSplit(m, [2][]float32{padded[0][most : most+n], padded[1][most : most+n]}, 0, n, overlap)
	}
	for i, silence := range silences {
		for c, y := range naiveSplit(m, padded, most-silence, n+silence, overlap) {
			if i == 0 {
				out = append(out, make([]float64, n))
			}
			for j := range n {
				out[c][j] += y[silence+j] / float64(len(silences))
			}
		}
	}
	for c := range out {
		for i := range out[c] {
			out[c][i] = out[c][i]*deviation + mean
		}
	}
	return out
}

// TestNaiveFFT holds the second implementation to the definition of the transform.
func TestNaiveFFT(t *testing.T) {
	t.Parallel()
	x := make([]complex128, 64)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = complex(random.NormFloat64(), random.NormFloat64())
	}
	for _, sign := range []float64{-1, 1} {
		y := naiveFFT(x, naiveRoots(64, sign))
		for k := range y {
			var sum complex128
			for i, v := range x {
				sum += v * cmplx.Exp(complex(0, sign*2*math.Pi*float64(i*k)/64))
			}
			if cmplx.Abs(sum-y[k]) > 1e-12 {
				t.Errorf("bin %d: %v, the sum is %v", k, y[k], sum)
			}
		}
	}
}
