package htdemucs

// Transform is what the tests see of transform.
type Transform struct {
	t *transform
}

// NewTransform makes one for so many threads.
func NewTransform(threads int) Transform { return Transform{newTransform(threads)} }

// Forward transforms [channels][Segment] into [2*channels][Bins][Frames].
func (t Transform) Forward(samples, spec []float32) {
	byBin := make([]float32, len(spec))
	t.t.forward(samples, byBin)
	copy(spec, ByChannel(byBin))
}

// ByChannel turns [Bins][n][Frames], as networks have it, into [n][Bins][Frames].
func ByChannel(spec []float32) []float32 { return swap(spec, Bins) }

// ByBin undoes ByChannel.
func ByBin(spec []float32) []float32 { return swap(spec, len(spec)/Bins/Frames) }

// swap turns [n][m][Frames] into [m][n][Frames], and leaves alone what is neither.
func swap(spec []float32, n int) []float32 {
	m := len(spec) / max(n, 1) / Frames
	if n*m*Frames != len(spec) {
		return spec
	}
	swapped := make([]float32, 0, len(spec))
	for i := range m {
		for j := range n {
			swapped = append(swapped, spec[(j*m+i)*Frames:][:Frames]...)
		}
	}
	return swapped
}

// Inverse transforms [2*channels][Bins][Frames] into [channels][Segment].
func (t Transform) Inverse(spec []float32, samples []float64) {
	channels := len(samples) / Segment
	spec = ByBin(spec)
	tails := make([][spread]float64, channels)
	for tile := range tiles {
		from, to := tileRange(tile)
		t.t.each(channels, func(w *worker, c int) {
			copy(samples[c*Segment+from:c*Segment+to], t.t.inverseTile(w, spec[2*c*Frames:], 2*channels*Frames, tile, tails[c][:]))
		})
	}
}

// DFT transforms FFTSize samples into the lower half of the bins.
func DFT(samples []float64) []complex128 {
	p := new(pair)
	for i := range p.a {
		p.a[i] = complex(samples[2*i], samples[2*i+1]) / 2
	}
	newFFT().forward(p)
	return p.a[:]
}

// InverseDFT is the sum over the lower half of the bins and their mirror.
func InverseDFT(spec []complex128) []float64 {
	p := new(pair)
	copy(p.a[:], spec)
	newFFT().inverse(p)
	samples := make([]float64, FFTSize)
	for i, z := range p.a {
		samples[2*i], samples[2*i+1] = imag(z), real(z)
	}
	return samples
}

// Silences are the frames of silence that shifts put before the song.
func Silences(shifts int) (all []int) {
	for _, p := range passes(shifts) {
		all = append(all, int(-p.start))
	}
	return all
}

// Reflect is reflect.
func Reflect(i, n int) int { return reflect(i, n) }

// Weight is weight.
func Weight(inPass, inChunk, stride int64) float64 { return weight(inPass, inChunk, stride) }

// Triangle is triangle.
func Triangle(i int64) int64 { return triangle(i) }

// Moments gives mean and deviation of blocks of frames.
func Moments(l, r []float32, block int) (mean, deviation float64) {
	var m moments
	for at := 0; at < len(l); at += block {
		end := min(len(l), at+block)
		m.add(l[at:end], r[at:end])
	}
	s := m.scale()
	return s.mean, s.deviation
}
