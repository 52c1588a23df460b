//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/im2-audio/im2/pipeline/spooltest"
)

// resampled brings a channel from one rate to another, as decoding does.
func resampled(t *testing.T, ffmpeg string, from, to int, samples []float64) []float64 {
	t.Helper()
	b := newBench(t, "ffmpeg", "engine")
	b.real(ffmpeg)
	var in, out bytes.Buffer
	for _, v := range samples {
		bits := math.Float32bits(float32(v))
		in.Write(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, bits), bits))
	}
	r := b.startResampler(t.Context(), from, to, &out)
	defer r.close()
	_, err := r.Write(in.Bytes())
	spooltest.Must(t, err)
	spooltest.Must(t, r.end())
	var left []float64
	for data := out.Bytes(); int64(len(left)) < resampledFrames(int64(len(samples)), from, to); data = data[mixFrameSize:] {
		left = append(left, float64(math.Float32frombits(binary.LittleEndian.Uint32(data))))
	}
	return left
}

// tone is how strong a frequency is in the middle half of samples, as a share of a full sine.
func tone(samples []float64, rate, hertz float64) float64 {
	var re, im, weight float64
	for i := len(samples) / 4; i < len(samples)*3/4; i++ {
		w := 1 - math.Cos(4*math.Pi*(float64(i)/float64(len(samples))-0.25))
		angle := 2 * math.Pi * hertz * float64(i) / rate
		re += w * samples[i] * math.Cos(angle)
		im += w * samples[i] * math.Sin(angle)
		weight += w
	}
	return 2 * math.Hypot(re, im) / weight
}

func decibels(x float64) float64 { return 20 * math.Log10(x+1e-12) }

// Up to 20 kHz nothing changes its level, what would alias is not to be heard, and each sample
// stays in its place.
func TestFfmpegResamplesWithoutLoss(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	for _, rates := range [][2]int{{48000, 44100}, {96000, 44100}, {384000, 44100}, {22050, 44100}, {44056, 44100}, {44100, 48000}, {44100, 96000}} {
		from, to := rates[0], rates[1]
		pass := []float64{50, 997, 5000, 10000, 15000, 18000, 19500, 20000}
		sum := make([]float64, from/2)
		for i := range sum {
			for _, f := range pass {
				if f < 0.45*float64(from) {
					sum[i] += 0.1 * math.Sin(2*math.Pi*f*float64(i)/float64(from))
				}
			}
		}
		out := resampled(t, ffmpeg, from, to, sum)
		for _, f := range pass {
			if f < 0.45*float64(from) {
				if level := decibels(10 * tone(out, float64(to), f)); math.Abs(level) > 0.01 {
					t.Errorf("%d to %d Hz: %g Hz is changed by %.3f dB", from, to, f, level)
				}
			}
		}
		for _, f := range []float64{24200, 26000, 30000, 40000} {
			if from < to || f > 0.45*float64(from) {
				continue
			}
			for i := range sum {
				sum[i] = 0.5 * math.Sin(2*math.Pi*f*float64(i)/float64(from))
			}
			out := resampled(t, ffmpeg, from, to, sum)
			power := 0.0
			for _, v := range out[len(out)/4 : len(out)*3/4] {
				power += v * v
			}
			if level := decibels(math.Sqrt(power/float64(len(out)/2)) / (0.5 / math.Sqrt2)); level > -90 {
				t.Errorf("%d to %d Hz: %g Hz aliases at %.1f dB", from, to, f, level)
			}
		}
		click := make([]float64, from)
		for i := range click {
			d := float64(i)/float64(from) - 0.25
			click[i] = math.Exp(-d * d / (2 * 0.0005 * 0.0005))
		}
		if at := middle(resampled(t, ffmpeg, from, to, click)); math.Abs(at-0.25*float64(to)) > 0.01 {
			t.Errorf("%d to %d Hz: a click is %.3f samples late", from, to, at-0.25*float64(to))
		}
	}
}

func TestResampledFrames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ frames, from, to, want int64 }{
		{48000, 48000, 44100, 44100},
		{1, 384000, 44100, 1},
		{3, 1, 44100, 132300},
		{44100, 44100, 48000, 48000},
		{1 << 45, 48000, 44100, 32325641856614},
		{0, 48000, 44100, 1},
	} {
		if got := resampledFrames(tt.frames, int(tt.from), int(tt.to)); got != tt.want {
			t.Errorf("%d frames of %d Hz are %d at %d Hz; want %d", tt.frames, tt.from, got, tt.to, tt.want)
		}
	}
}
