package htdemucs_test

import (
	"encoding/json"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/im2-audio/im2/modules/demucs/htdemucs"
)

// noise is as loud as samples can be, and different in each channel.
func noise(seed uint64, n int) []float32 {
	random := rand.New(rand.NewPCG(seed, 7))
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*random.Float32() - 1
	}
	return x
}

// directBin is one bin of the transform of real samples, as its definition has it. The roots are
// those of as many samples.
func directBin(samples []float64, roots []complex128, k int) (sum complex128) {
	for i, x := range samples {
		sum += complex(x, 0) * roots[i*k%len(roots)]
	}
	return sum
}

func TestDFTIsTheDirectSum(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	samples := make([]float64, size)
	for i := range samples {
		samples[i] = random.NormFloat64()
	}
	got, roots := htdemucs.DFT(samples), naiveRoots(size, -1)
	if len(got) != bins {
		t.Fatalf("%d bins", len(got))
	}
	for k, z := range got {
		if want := directBin(samples, roots, k); cmplx.Abs(z-want) > 1e-9 {
			t.Fatalf("bin %d: %v, the sum is %v", k, z, want)
		}
	}
}

func TestInverseDFTIsTheDirectSum(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	spec := make([]complex128, bins)
	for k := range spec {
		spec[k] = complex(random.NormFloat64(), random.NormFloat64())
	}
	got, roots := htdemucs.InverseDFT(spec), naiveRoots(size, 1)
	for i, x := range got {
		want := real(spec[0]) // its imaginary part does not count, nor does a highest bin
		for k, z := range spec[1:] {
			want += 2 * real(z*roots[i*(k+1)%size])
		}
		if math.Abs(x-want) > 1e-9 {
			t.Fatalf("sample %d: %v, the sum is %v", i, x, want)
		}
	}
}

func TestReflect(t *testing.T) {
	t.Parallel()
	// torch.nn.functional.pad(torch.tensor([0., 1, 2, 3, 4]), (4, 4), mode="reflect")
	want := []int{4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0}
	for i, x := range want {
		if got := htdemucs.Reflect(i-4, 5); got != x {
			t.Errorf("sample %d of 5 is sample %d, not %d", i-4, got, x)
		}
	}
}

// TestFramesAreTheDirectSum compares all bins of the frames at both ends and in the middle, and
// some bins of all frames, with sums over the samples as _spec and torch.stft pad them.
func TestFramesAreTheDirectSum(t *testing.T) {
	t.Parallel()
	notUnderRaceDetector(t)
	samples := append(noise(1, segment), noise(2, segment)...)
	spec := make([]float32, 4*bins*frames)
	htdemucs.NewTransform(2).Forward(samples, spec)
	roots := naiveRoots(size, -1)
	for c := range 2 {
		padded := naivePadded(samples[c*segment : (c+1)*segment])
		for f := range frames {
			step := 197
			if slices.Contains([]int{0, 1, 2, 15, 16, 170, 333, 334, 335}, f) {
				step = 1
			}
			frame := make([]float64, size)
			for i, z := range naiveFrame(padded, f+2) {
				frame[i] = real(z) / 64
			}
			for k := f % step; k < bins; k += step {
				want := directBin(frame, roots, k)
				re, im := spec[(2*c*bins+k)*frames+f], spec[((2*c+1)*bins+k)*frames+f]
				if cmplx.Abs(want-complex(float64(re), float64(im))) > 1e-6 {
					t.Fatalf("channel %d, frame %d, bin %d: %v%+vi, the sum is %v", c, f, k, re, im, want)
				}
			}
		}
	}
}

// TestCosineAndImpulse has values that are worked out by hand.
func TestCosineAndImpulse(t *testing.T) {
	t.Parallel()
	notUnderRaceDetector(t)
	samples := make([]float32, 2*segment)
	for i := range segment { // cos of exactly bin 41 on the left, an impulse on the right
		samples[i] = float32(math.Cos(2 * math.Pi * 41 * float64(i%size) / size))
	}
	const at = 100*hop + 512 // where frame 100 is centered
	samples[segment+at] = 1
	spec := make([]float32, 4*bins*frames)
	htdemucs.NewTransform(1).Forward(samples, spec)
	value := func(channel, k, f int) complex128 {
		return complex(float64(spec[(2*channel*bins+k)*frames+f]), float64(spec[((2*channel+1)*bins+k)*frames+f]))
	}
	// A frame begins at 1024*f-1536, where the cosine has gone through 41*(f/4-3/8) periods. The
	// window's own transform is 1/2, and -1/4 beside it; the cosine is half of each of two
	// exponentials: 4096/64 * 1/2 * 1/2 = 16 at bin 41, -8 beside it.
	for f, eighths := range map[int]float64{2: 1, 3: 3, 99: 3, 333: 7} {
		for k, want := range map[int]float64{39: 0, 40: -8, 41: 16, 42: -8, 43: 0, 1000: 0} {
			want := cmplx.Rect(want, eighths/8*2*math.Pi)
			if got := value(0, k, f); cmplx.Abs(got-want) > 1e-5 {
				t.Errorf("cosine, frame %d, bin %d: %v, not %v", f, k, got, want)
			}
		}
	}
	// The impulse is in the frames 99 to 101 at 3072, 2048 and 1024, where the window is 1/2, 1
	// and 1/2, and in 98 at 4096, which is outside; in frame 102 at 0, where the window is 0.
	for f, want := range map[int][4]complex128{
		98: {}, 99: {1, 1i, -1, -1i}, 100: {2, -2, 2, -2}, 101: {1, -1i, -1, 1i}, 102: {}, 103: {},
	} {
		for k := range bins {
			if got := value(1, k, f); cmplx.Abs(got-want[k%4]/128) > 1e-7 {
				t.Fatalf("impulse, frame %d, bin %d: %v, not %v", f, k, got, want[k%4]/128)
			}
		}
	}
}

// ends is by what the inverse of the transform fades the ends of a segment: squared windows of
// the frames that are there, divided by those of all. Here it is 1 in the middle.
func ends(i int) float64 {
	var there, all float64
	for f := -2; f < frames+2; f++ {
		if j := i - (f*hop - 1536); j >= 0 && j < size {
			w := naiveWindow(j) * naiveWindow(j)
			all += w
			if f >= 0 && f < frames {
				there += w
			}
		}
	}
	return there / all
}

// withoutHighest takes the highest frequency out, which the network does not get either.
func withoutHighest(x []float32) []float32 {
	y := make([]float32, len(x))
	for i := range x {
		y[i] = (x[max(i-1, 1-i)] + 2*x[i] + x[min(i+1, 2*len(x)-3-i)]) / 4
	}
	return y
}

// TestReconstruction is the transform and its inverse: the whole segment comes back, but for the
// known fade at its ends, each channel on its own.
func TestReconstruction(t *testing.T) {
	t.Parallel()
	notUnderRaceDetector(t)
	tone := make([]float32, segment)
	for i := range tone {
		tone[i] = float32(0.9 * math.Sin(float64(i)*0.03) * math.Cos(float64(i)*0.00031))
	}
	samples := slices.Concat(withoutHighest(noise(8, segment)), make([]float32, segment), withoutHighest(tone), withoutHighest(noise(9, segment)))
	spec, back := make([]float32, 8*bins*frames), make([]float64, 4*segment)
	transform := htdemucs.NewTransform(3)
	transform.Forward(samples, spec)
	transform.Inverse(spec, back)
	if e := ends(0); math.Abs(e-0.5) > 1e-9 {
		t.Errorf("sample 0 fades to %v, not to half", e)
	}
	worst := 0.0
	for i := range segment {
		gain := 1.0
		if i < 1536 || i >= segment-1452 {
			gain = ends(i)
		}
		for c := range 4 {
			difference := math.Abs(back[c*segment+i]/gain - float64(samples[c*segment+i]))
			worst = max(worst, difference)
			if difference > 1e-6 {
				t.Fatalf("channel %d, sample %d: %v, not %v", c, i, back[c*segment+i]/gain, samples[c*segment+i])
			}
		}
	}
	t.Logf("largest difference %.2g", worst)
}

// numpyGolden are values that testdata/transform.py worked out.
type numpyGolden struct {
	Forward []struct {
		Frame, Bin int
		Value      [2]float64
	} `json:"forward"`
	Inverse []struct {
		Sample int
		Value  float64
	} `json:"inverse"`
}

func TestAgainstNumpy(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/transform.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden numpyGolden
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Forward) < 100 || len(golden.Inverse) < 100 {
		t.Fatalf("%d and %d values", len(golden.Forward), len(golden.Inverse))
	}
	samples, spec, back := make([]float32, segment), make([]float32, 2*bins*frames), make([]float64, segment)
	for i := range samples {
		samples[i] = float32(i*i%1009)/504 - 1
	}
	transform := htdemucs.NewTransform(2)
	transform.Forward(samples, spec)
	for _, v := range golden.Forward {
		re, im := float64(spec[v.Bin*frames+v.Frame]), float64(spec[(bins+v.Bin)*frames+v.Frame])
		if math.Abs(re-v.Value[0]) > 2e-6 || math.Abs(im-v.Value[1]) > 2e-6 {
			t.Errorf("frame %d, bin %d: %v%+vi, numpy has %v", v.Frame, v.Bin, re, im, v.Value)
		}
	}
	for k := range bins {
		for f := range frames {
			spec[k*frames+f] = float32((k*31+f*17)%101)/50 - 1
			spec[(bins+k)*frames+f] = float32((k*13+f*29)%103)/51 - 1
		}
	}
	transform.Inverse(spec, back)
	for _, v := range golden.Inverse {
		if math.Abs(back[v.Sample]-v.Value) > 1e-6 {
			t.Errorf("sample %d: %v, numpy has %v", v.Sample, back[v.Sample], v.Value)
		}
	}
}

func BenchmarkForward(b *testing.B) {
	transform := htdemucs.NewTransform(1)
	samples, spec := noise(1, 2*segment), make([]float32, 4*bins*frames)
	b.ReportAllocs()
	for b.Loop() {
		transform.Forward(samples, spec)
	}
}

func BenchmarkInverse(b *testing.B) {
	transform := htdemucs.NewTransform(1)
	spec, samples := noise(1, 16*bins*frames), make([]float64, 8*segment)
	b.ReportAllocs()
	for b.Loop() {
		transform.Inverse(spec, samples)
	}
}
