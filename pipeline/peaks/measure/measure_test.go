package measure_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"

	"github.com/im2-audio/im2/pipeline/peaks"
	"github.com/im2-audio/im2/pipeline/peaks/measure"
)

const rate = 44100

// tones are tones that become louder and quieter, each channel at its own time, in whole numbers of so many bits.
func tones(frames, channels, bits int) []int32 {
	var all []int32
	for i := range frames {
		at := float64(i) / rate
		for c := range channels {
			loud := 0.8 * math.Pow(math.Sin(math.Pi*(3*at+float64(c)/2)), 4)
			all = append(all, int32(math.Round(loud*math.Sin(2*math.Pi*(440+110*float64(c))*at)*float64(int(1)<<(bits-1)-1))))
		}
	}
	return all
}

// direct are the peaks of samples.
func direct(samples []int32, channels, bits int, name string) peaks.Stem {
	m := peaks.NewMeter(int64(len(samples)/channels), channels)
	block := make([]float32, len(samples))
	for i, x := range samples {
		block[i] = float32(x) / float32(int(1)<<(bits-1))
	}
	m.Add(block)
	return m.Stem(name, 1)
}

// far is how far two stems are from each other, in steps of peaks.json.
func far(a, b peaks.Stem) int {
	most := 0
	for i := range max(len(a.Min), len(b.Min)) {
		if i >= len(a.Min) || i >= len(b.Min) {
			return peaks.Full
		}
		most = max(most, a.Min[i]-b.Min[i], b.Min[i]-a.Min[i], a.Max[i]-b.Max[i], b.Max[i]-a.Max[i])
	}
	return most
}

// flacFile is a FLAC file of these samples.
func flacFile(tb testing.TB, samples []int32, channels, bits int) []byte {
	tb.Helper()
	const most = 4096
	frames := len(samples) / channels
	var out bytes.Buffer
	info := &meta.StreamInfo{BlockSizeMin: most, BlockSizeMax: most, SampleRate: rate, NChannels: uint8(channels), BitsPerSample: uint8(bits), NSamples: uint64(frames)}
	encoder, err := flac.NewEncoder(&out, info)
	if err != nil {
		tb.Fatal(err)
	}
	for at := 0; at < frames; at += most {
		n := min(most, frames-at)
		f := &frame.Frame{Header: frame.Header{BlockSize: uint16(n), SampleRate: rate, Channels: frame.Channels(channels - 1), BitsPerSample: uint8(bits)}}
		for c := range channels {
			sub := &frame.Subframe{NSamples: n, SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}}
			for i := range n {
				sub.Samples = append(sub.Samples, samples[(at+i)*channels+c])
			}
			f.Subframes = append(f.Subframes, sub)
		}
		if err := encoder.WriteFrame(f); err != nil {
			tb.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func TestFLACIsMeasuredExactly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ frames, channels, bits int }{{1, 2, 16}, {4096, 2, 16}, {100_001, 2, 16}, {100_001, 2, 24}, {50_000, 1, 24}} {
		samples := tones(c.frames, c.channels, c.bits)
		got, err := measure.File(iotest.HalfReader(bytes.NewReader(flacFile(t, samples, c.channels, c.bits))), "vocals.flac", nil)
		if err != nil || got.Frames != int64(c.frames) || got.Rate != rate || got.Stem.File != "vocals.flac" {
			t.Fatalf("%+v: %d frames at %d Hz, %v", c, got.Frames, got.Rate, err)
		}
		if n := far(got.Stem, direct(samples, c.channels, c.bits, "vocals.flac")); n != 0 {
			t.Errorf("%+v: %d steps away", c, n)
		}
	}
}

// The files are what ffmpeg makes of tones with the worker's arguments. At the start and the end of an MP3 file is what is none of the sound's.
func TestFilesOfFfmpeg(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ frames, steps int }{"tagged.flac": {12345, 0}, "tagged.mp3": {12345, 4}, "tones.mp3": {rate / 2, 4}} {
		got, err := measure.File(iotest.HalfReader(bytes.NewReader(readFile(t, name))), name, nil)
		if err != nil || got.Frames != int64(want.frames) || got.Rate != rate {
			t.Fatalf("%s: %d frames at %d Hz, %v", name, got.Frames, got.Rate, err)
		}
		if n := far(got.Stem, direct(tones(want.frames, 2, 16), 2, 16, name)); n > want.steps {
			t.Errorf("%s: %d steps away", name, n)
		}
	}
	// A shift by one frame of an encoder would be seen.
	if n := far(direct(tones(12345, 2, 16)[2*576:], 2, 16, ""), direct(tones(12345-576, 2, 16), 2, 16, "")); n < 20 {
		t.Errorf("a shift is %d steps", n)
	}
}

func readFile(tb testing.TB, name string) []byte {
	tb.Helper()
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

// A file that ends too early, wherever, that is another one, or that says what is wrong, is an error, and no panic.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{"a.flac": readFile(t, "tagged.flac"), "a.mp3": readFile(t, "tagged.mp3"), "a.wav": []byte("RIFF\x00\x00\x00\x00WAVE")}
	for name, file := range files {
		for end := 0; end < len(file)/10*8; end += 1 + end/16 {
			if _, err := measure.File(bytes.NewReader(file[:end]), name, nil); err == nil {
				t.Fatalf("%s: no error for %d bytes of %d", name, end, len(file))
			}
		}
		for other := range files {
			if _, err := measure.File(bytes.NewReader(file), other, nil); err == nil && (other != name || name == "a.wav") {
				t.Errorf("%s is taken for %s", name, other)
			}
		}
		broken := errors.New("the disk is broken")
		if _, err := measure.File(io.MultiReader(bytes.NewReader(file[:len(file)/2]), iotest.ErrReader(broken)), name, nil); !errors.Is(err, broken) {
			t.Errorf("%s: %v; want %v", name, err, broken)
		}
	}
	for name, text := range map[string]string{
		"text.mp3": strings.Repeat("no sound at all ", 100), "text.flac": strings.Repeat("no sound at all ", 100), "long.mp3": "ID3\x04\x00\x00\x7f\x7f\x7f\x7f", "empty.mp3": "", "empty.flac": "",
	} {
		if _, err := measure.File(strings.NewReader(text), name, nil); !errors.Is(err, measure.ErrDamaged) {
			t.Errorf("%s: %v; want ErrDamaged", name, err)
		}
	}
}

// What says that it lasts for weeks is refused before it is decoded, and with the error of the caller.
func TestALengthThatIsNotAccepted(t *testing.T) {
	t.Parallel()
	long := readFile(t, "tagged.flac")
	long[21] |= 0x0f // The length has 36 bits (RFC 9639, 8.2).
	copy(long[22:], "\xff\xff\xff\xff")
	refused := errors.New("too long")
	wav := "RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\x44\xac\x00\x00\x10\xb1\x02\x00\x04\x00\x10\x00data\x08\x00\x00\x00"
	for name, want := range map[string]struct {
		file   string
		frames int64
	}{"a.flac": {string(long), 1<<36 - 1}, "a.mp3": {string(readFile(t, "tagged.mp3")), 12345}, "a.wav": {wav, 2}} {
		_, err := measure.File(strings.NewReader(want.file), name, func(frames int64, hz int) error {
			if frames != want.frames || hz != rate {
				t.Errorf("%s: %d frames at %d Hz; want %d", name, frames, hz, want.frames)
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKnows(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"a.wav": true, "a.flac": true, "a.mp3": true, "a.ogg": false, "wav": false, "": false} {
		if measure.Knows(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add(readFile(f, "tagged.mp3"), true)
	f.Add(flacFile(f, tones(100, 2, 16), 2, 16), false)
	f.Fuzz(func(t *testing.T, file []byte, mp3 bool) {
		name := "a.flac"
		if mp3 {
			name = "a.mp3"
		}
		if s, err := measure.File(bytes.NewReader(file), name, nil); err == nil && (len(s.Stem.Min) != len(s.Stem.Max) || len(s.Stem.Min) > peaks.MostBins) {
			t.Errorf("%+v", s)
		}
	})
}
