//go:build unix

package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/spooltest"
)

// What is in a file of the mix's rate comes through to the last bit, and mono is as loud on both
// sides as it was.
func TestFfmpegKeepsSamplesAndLevels(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	sweeping := sweepFrames(mixRate, 0.5)
	mono := make([]float32, len(sweeping)/2)
	for i := range mono {
		mono[i] = sweeping[2*i]
	}
	denormal := []float32{1e-40, -1e-45, 0.5, -2.5, 1000, float32(math.Copysign(0, -1))}
	tests := []struct {
		name     string
		channels int
		mask     uint32
		samples  []float32
	}{
		{"stereo", 2, 3, sweeping},
		{"stereo without places", 2, 0, sweeping},
		{"two that are called something else", 2, 0x600, sweeping},
		{"mono", 1, 4, mono},
		{"mono without a place", 1, 0, mono},
		{"mono that is called left", 1, 1, mono},
		{"denormal and loud", 2, 3, denormal},
		{"one sample", 1, 4, []float32{0.25}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mix, d, err := decodeReal(t, ffmpeg, writeTemp(t, "a.wav", floatWAV(mixRate, tt.channels, tt.mask, tt.samples)))
			spooltest.Must(t, err)
			left, right := readMix(t, mix)
			if len(left) != len(tt.samples)/tt.channels || d.rate != mixRate || d.sourceFrames != d.frames || d.frames != int64(len(left)) {
				t.Fatalf("%d frames, %+v", len(left), d)
			}
			for i := range left {
				l, r := tt.samples[i*tt.channels], tt.samples[i*tt.channels+tt.channels-1]
				if float32(left[i]) != l || float32(right[i]) != r {
					t.Fatalf("frame %d is %v, %v; want %v, %v", i, left[i], right[i], l, r)
				}
			}
		})
	}
}

// A tone in one channel of each layout, in the file of the mix's rate, is as loud as the rule says.
func TestFfmpegMixesLayoutsDown(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	const half = math.Sqrt2 / 2
	l, r, c, bl, br, sub, bc := [2]float64{1, 0}, [2]float64{0, 1}, [2]float64{half, half}, [2]float64{half, 0},
		[2]float64{0, half}, [2]float64{}, [2]float64{0.5, 0.5}
	pairs := func(n int) (all [][2]float64) {
		for i := range n {
			all = append(all, [][2]float64{l, r}[i%2])
		}
		return all
	}
	tests := []struct {
		name  string
		mask  uint32
		wants [][2]float64 // of each channel
	}{
		{"2.1", 0x0b, [][2]float64{l, r, sub}},
		{"3.0", 0x07, [][2]float64{l, r, c}},
		{"quad", 0x33, [][2]float64{l, r, bl, br}},
		{"4.0", 0x107, [][2]float64{l, r, c, bc}},
		{"5.0", 0x37, [][2]float64{l, r, c, bl, br}},
		{"5.1", 0x3f, [][2]float64{l, r, c, sub, bl, br}},
		{"5.1 with sides", 0x60f, [][2]float64{l, r, c, sub, bl, br}},
		{"6.1", 0x70f, [][2]float64{l, r, c, sub, bc, bl, br}},
		{"7.1", 0x63f, [][2]float64{l, r, c, sub, bl, br, bl, br}},
		{"7.1 wide", 0xff, [][2]float64{l, r, c, sub, bl, br, l, r}},
		{"six without places", 0, [][2]float64{l, r, c, sub, bl, br}},
		{"four without places", 0, [][2]float64{l, r, bl, br}},
		{"nine without places", 0, append(pairs(8), c)},
		{"ten without places", 0, pairs(10)},
		{"sixty-four without places", 0, pairs(64)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			channels := len(tt.wants)
			var samples []float32 // each channel has one frame in which it alone sounds
			for frame := range channels {
				for channel := range channels {
					samples = append(samples, map[bool]float32{true: 0.5}[frame == channel])
				}
			}
			mix, d, err := decodeReal(t, ffmpeg, writeTemp(t, "a.wav", floatWAV(mixRate, channels, tt.mask, samples)))
			spooltest.Must(t, err)
			left, right := readMix(t, mix)
			if d.frames != int64(channels) {
				t.Fatalf("%d frames; want %d", d.frames, channels)
			}
			for i, want := range tt.wants {
				if math.Abs(2*left[i]-want[0]) > 1e-6 || math.Abs(2*right[i]-want[1]) > 1e-6 {
					t.Errorf("channel %d is %g, %g; want %g, %g", i+1, 2*left[i], 2*right[i], want[0], want[1])
				}
			}
		})
	}
}

// What is no number is found where it is, before anything can spread it.
func TestFfmpegNamesTheSampleThatIsNoNumber(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	tests := []struct {
		rate, channels int
		mask           uint32
		bad            float32
		frame, channel int
		want           string
	}{
		{44100, 2, 3, nan, 22050, 1, "sample 22051 of channel 2 (front right) is not a number (NaN), at 500ms"},
		{48000, 1, 4, inf, 12000, 0, "sample 12001 of the only channel is infinite, at 250ms"},
		{96000, 6, 0x3f, nan, 95999, 3, "sample 96000 of channel 4 (low frequency) is not a number (NaN), at 999.99ms"},
		{44100, 10, 0, 1e30, 0, 9, "sample 1 of channel 10 is 1e+30, more than 240 dB above full scale, at 0s"},
	}
	for _, tt := range tests {
		t.Run(strconv.Itoa(tt.channels), func(t *testing.T) {
			t.Parallel()
			samples := make([]float32, tt.rate*tt.channels)
			samples[tt.frame*tt.channels+tt.channel] = tt.bad
			_, _, err := decodeReal(t, ffmpeg, writeTemp(t, "a.wav", floatWAV(tt.rate, tt.channels, tt.mask, samples)))
			var rejected *rejection
			if !errors.As(err, &rejected) || !strings.Contains(rejected.reason, tt.want) {
				t.Errorf("decode = %v; want a rejection with %q", err, tt.want)
			}
		})
	}
}

// Little, slow, fast and wide sounds are separated, or rejected with a reason.
func TestFfmpegTakesStrangeSounds(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	wav := func(rate, channels, frames int) []byte {
		samples := make([]float32, channels*frames)
		for i := range samples {
			samples[i] = 0.1
		}
		return floatWAV(rate, channels, 0, samples)
	}
	tests := []struct {
		name   string
		data   []byte
		frames int64
		want   string
	}{
		{"1 Hz", wav(1, 1, 3), 132300, ""},
		{"3 samples at 8 kHz", wav(8000, 2, 3), 17, ""},
		{"one sample at 384 kHz", wav(384000, 2, 1), 1, ""},
		{"0.1 s", wav(48000, 2, 4800), 4410, ""},
		{"8 channels at 384 kHz", wav(384000, 8, 38400), 4410, ""},
		{"32 channels", wav(44100, 32, 4410), 4410, ""},
		{"an odd rate", wav(44056, 2, 44056), 44100, ""},
		{"0 s", wav(44100, 2, 0), 0, "holds no sound"},
		{"100 channels", wav(44100, 100, 10), 10, ""},
		{"2000 channels", wav(44100, 2000, 10), 0, "could not be decoded"},
		{"10 MHz", wav(10_000_000, 1, 10), 0, "at most 2822400"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, d, err := decodeReal(t, ffmpeg, writeTemp(t, "a.wav", tt.data))
			var rejected *rejection
			if tt.want == "" && (err != nil || d.frames != tt.frames) {
				t.Errorf("%d frames, %v; want %d", d.frames, err, tt.frames)
			}
			if tt.want != "" && (!errors.As(err, &rejected) || !strings.Contains(rejected.reason, tt.want)) {
				t.Errorf("decode = %v; want a rejection with %q", err, tt.want)
			}
		})
	}
}
