package htdemucs_test

import (
	"context"
	"math"
	"runtime"
	"testing"

	"github.com/im2-audio/im2/modules/demucs/htdemucs"
)

func TestTriangle(t *testing.T) {
	t.Parallel()
	for i, want := range map[int64]int64{0: 1, 1: 2, 99: 100, 171988: 171989, 171989: 171990, 171990: 171990, 171991: 171989, 343978: 2, 343979: 1} {
		if got := htdemucs.Triangle(i); got != want {
			t.Errorf("the weight of frame %d is %d, not %d", i, got, want)
		}
	}
}

// TestWeightsAddUpToOne adds the weights of all segments at frames of a pass.
func TestWeightsAddUpToOne(t *testing.T) {
	t.Parallel()
	for _, stride := range []int64{1000, 3439, 34398, 100001, 171990, 257985, 343979, 343980} {
		for at := int64(0); at < 3*segment; at += 997 {
			var sum, all float64
			for k := int64(0); k <= at/stride; k++ {
				if i := at - k*stride; i < segment {
					sum += htdemucs.Weight(at, i, stride)
					all += naiveTriangle(int(i))
				}
			}
			i := at % stride
			if got := htdemucs.Weight(at, i, stride); math.Abs(sum-1) > 1e-12 || math.Abs(got-naiveTriangle(int(i))/all) > 1e-12 {
				t.Fatalf("stride %d, frame %d: the weights add up to %v; that of the last is %v, not %v", stride, at, sum, got, naiveTriangle(int(i))/all)
			}
		}
	}
}

// TestMean compares with sums over all frames, where the mean is a thousand times the deviation.
func TestMean(t *testing.T) {
	t.Parallel()
	l, r := noise(31, 100003), noise(32, 100003)
	var sum, squares float64
	for i := range l {
		l[i] = 1000 + l[i]
		r[i] = 1000 + r[i]
		sum += (float64(l[i]) + float64(r[i])) / 2
	}
	mean := sum / float64(len(l))
	for i := range l {
		d := (float64(l[i])+float64(r[i]))/2 - mean
		squares += d * d
	}
	want := math.Sqrt(squares/float64(len(l)-1)) + 1e-8
	for _, block := range []int{1, 1000, 100003} {
		m, d := htdemucs.Moments(l, r, block)
		if math.Abs(m-mean) > 1e-9 || math.Abs(d-want) > 1e-9 {
			t.Errorf("blocks of %d: mean %v, deviation %v; want %v and %v", block, m, d, mean, want)
		}
	}
	// statistics.stdev([0.5, 1.5, 4.0]) of Python is 1.8027756377319946, the mean is 2
	if m, d := htdemucs.Moments([]float32{0, 1, 4}, []float32{1, 2, 4}, 2); math.Abs(m-2) > 1e-12 || math.Abs(d-1.8027756477319946) > 1e-12 {
		t.Errorf("mean %v, deviation %v", m, d)
	}
	if m, d := htdemucs.Moments([]float32{0.5}, []float32{0.25}, 1); m != 0.375 || d != 1e-8 {
		t.Errorf("one frame: mean %v, deviation %v", m, d)
	}
}

// endless is a song of any length that takes no memory, and a sink that keeps nothing.
type endless int64

func (e endless) Frames() int64 { return int64(e) }

func (e endless) ReadFrames(left, right []float32, _ int64) error {
	for i := range left {
		left[i], right[i] = float32(i%100)/100, float32(i%90)/100
	}
	return nil
}

func (e endless) WriteFrames(int, []float32, []float32) error { return nil }

// still is a network that takes no time.
type still struct{ mix, spec, wave, outSpec []float32 }

func newStill() *still {
	return &still{make([]float32, 2*segment), make([]float32, 4*bins*frames), make([]float32, 8*segment), make([]float32, 16*bins*frames)}
}

// TestMemory holds what the package says about it, beside a network's arrays.
func TestMemory(t *testing.T) {
	notUnderRaceDetector(t)
	for _, test := range []struct {
		frames endless
		shifts int
		limit  uint64
	}{{segment, 0, 4_500_000}, {4 * segment, 0, 4_500_000}, {2 * segment, 3, 13_500_000}} {
		net := newStill()
		opt := htdemucs.Options{Overlap: 0.25, Shifts: test.shifts, Threads: 1}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := htdemucs.Separate(t.Context(), net, test.frames, test.frames, opt, nil); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		got := after.TotalAlloc - before.TotalAlloc
		t.Logf("%d frames, %d shifts: %d bytes", test.frames, test.shifts, got)
		if got > test.limit {
			t.Errorf("%d frames, %d shifts: %d bytes were allocated, the limit is %d", test.frames, test.shifts, got, test.limit)
		}
	}
}

// BenchmarkSegment is all that is done for a segment but for the network.
func BenchmarkSegment(b *testing.B) {
	net := newStill()
	b.ReportAllocs()
	frames := endless(257985 * int64(b.N))
	b.ResetTimer()
	if err := htdemucs.Separate(b.Context(), net, frames, frames, htdemucs.Options{Overlap: 0.25, Threads: 1}, nil); err != nil {
		b.Fatal(err)
	}
}

func (s *still) Sources() []string { return []string{"drums", "bass", "other", "vocals"} }

func (s *still) Inputs() (mix, spec []float32) { return s.mix, s.spec }

func (s *still) Run(context.Context) (spec, wave []float32, err error) {
	return s.outSpec, s.wave, nil
}
