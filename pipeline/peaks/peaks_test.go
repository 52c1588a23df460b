package peaks

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand"
	"slices"
	"testing"
)

// measured is the stem of samples that come in pieces of these lengths, one after the other and from the start again.
func measured(samples []float32, channels int, pieces ...int) Stem {
	m := NewMeter(int64(len(samples)/channels), channels)
	for i := 0; len(samples) > 0; i++ {
		n := min(len(samples), pieces[i%len(pieces)]*channels)
		m.Add(samples[:n])
		samples = samples[n:]
	}
	return m.Stem("vocals.wav", 1)
}

// direct computes the same without any state: it looks for the frames of each bin.
func direct(samples []float32, channels int) Stem {
	frames := len(samples) / channels
	count := min(frames, MostBins)
	s := Stem{File: "vocals.wav", Min: make([]int, count), Max: make([]int, count)}
	for bin := range count {
		part := samples[bin*frames/count*channels : (bin+1)*frames/count*channels]
		s.Min[bin] = int(math.Round(127 * max(-1, min(1, float64(slices.Min(part))))))
		s.Max[bin] = int(math.Round(127 * max(-1, min(1, float64(slices.Max(part))))))
	}
	return s
}

func (s Stem) equal(other Stem) bool {
	return s.File == other.File && slices.Equal(s.Min, other.Min) && slices.Equal(s.Max, other.Max)
}

func TestASineAndSilence(t *testing.T) {
	t.Parallel()
	const rate, seconds = 44100, 60
	samples := make([]float32, rate*seconds*2)
	for i := range rate * seconds / 2 { // The left channel of the first half.
		samples[2*i] = float32(math.Sin(2*math.Pi*441*float64(i)/rate) / 2)
	}
	got := measured(samples, 2, 8192)
	for bin := range MostBins {
		low, high := -64, 64 // A bin has 2205 frames: 22 periods, each of which has its peak at a sample.
		if bin >= MostBins/2 {
			low, high = 0, 0
		}
		if got.Min[bin] != low || got.Max[bin] != high {
			t.Fatalf("bin %d: %d to %d; want %d to %d", bin, got.Min[bin], got.Max[bin], low, high)
		}
	}
}

// An impulse is in the bin of its frame, and in no other one.
func TestAnImpulse(t *testing.T) {
	t.Parallel()
	const frames = 1_000_003 // a prime: bins differ in length
	for _, at := range []int{0, 1, 833, 834, 500_000, frames - 1} {
		samples := make([]float32, frames)
		samples[at] = -0.25
		got := measured(samples, 1, 4711, 1, 13)
		for bin := range MostBins {
			want := 0
			if at >= bin*frames/MostBins && at < (bin+1)*frames/MostBins {
				want = -32
			}
			if got.Min[bin] != want || got.Max[bin] != 0 {
				t.Errorf("impulse at %d, bin %d: %d to %d; want %d to 0", at, bin, got.Min[bin], got.Max[bin], want)
			}
		}
	}
}

// Whatever the lengths of the song and of the pieces are, it is what a direct computation says.
func TestPiecesOfAnyLength(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewSource(17))
	for _, frames := range []int{0, 1, 2, MostBins - 1, MostBins, MostBins + 1, 2*MostBins - 1, 12345, 99991} {
		for _, channels := range []int{1, 2} {
			samples := make([]float32, frames*channels)
			for i := range samples {
				samples[i] = float32(random.NormFloat64())
			}
			want := direct(samples, channels)
			for _, pieces := range [][]int{{1}, {8192}, {7, 1000, 1}, {1 << 20}} {
				if got := measured(samples, channels, pieces...); !got.equal(want) {
					t.Errorf("%d frames of %d channels in pieces of %d differ", frames, channels, pieces)
				}
			}
		}
	}
}

func TestWhatIsNoSound(t *testing.T) {
	t.Parallel()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		samples  []float32
		min, max int
		loudest  float64
	}{
		"full scale":      {[]float32{1, -1}, -127, 127, 1},
		"above it":        {[]float32{3, -7}, -127, 127, 7},
		"infinite":        {[]float32{inf, -inf}, -127, 127, math.Inf(1)},
		"no number":       {[]float32{nan, nan}, 0, 0, 0},
		"also no number":  {[]float32{nan, -0.5}, -64, -64, 0.5},
		"all above zero":  {[]float32{0.5, 1}, 64, 127, 1},
		"not audible":     {[]float32{1e-9, -1e-9}, 0, 0, float64(float32(1e-9))},
		"nothing at all":  {nil, 0, 0, 0},
		"half of a frame": {[]float32{1}, 0, 0, 0},
		"more than said":  {[]float32{0.5, -0.5, 1, 1}, -64, 64, 0.5},
	} {
		m := NewMeter(1, 2)
		m.Add(c.samples)
		if s := m.Stem("x", 1); s.Min[0] != c.min || s.Max[0] != c.max || m.Loudest() != c.loudest {
			t.Errorf("%s: %d to %d, loudest %v; want %d to %d, %v", name, s.Min[0], s.Max[0], m.Loudest(), c.min, c.max, c.loudest)
		}
	}
}

// All stems are made quieter by one gain, and that is drawn.
func TestTheGain(t *testing.T) {
	t.Parallel()
	m := NewMeter(1, 2)
	m.Add([]float32{2, -1})
	if s := m.Stem("x", 0.5); s.Min[0] != -64 || s.Max[0] != 127 {
		t.Errorf("%+v", s)
	}
}

func TestTheFile(t *testing.T) {
	t.Parallel()
	m := NewMeter(3, 1)
	m.Add([]float32{0.1, -1, 1})
	got, err := New(3, 2, []Stem{m.Stem("vocals.wav", 1)}).Bytes()
	const want = `{"version":1,"duration_seconds":1.5,"bins":3,"full":127,"stems":[{"file":"vocals.wav","min":[13,-127,127],"max":[13,-127,127]}]}` + "\n"
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// The worst that six stems can be is small, and is read as it was written.
func TestTheFileIsSmall(t *testing.T) {
	t.Parallel()
	loud := make([]float32, 2*MostBins*2)
	for i := range loud {
		loud[i] = float32(1 - i%2*2)
	}
	stems := make([]Stem, 6)
	for i := range stems {
		stems[i] = measured(loud, 2, 1000)
		stems[i].File = "no_vocals.flac"
	}
	written := New(2*MostBins, 44100, stems)
	data, err := written.Bytes()
	if err != nil || len(data) > 70_000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	var read Peaks
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	if again, err := read.Bytes(); err != nil || !bytes.Equal(data, again) {
		t.Errorf("it is not read as it was written: %v", err)
	}
}
