package peaks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand"
	"strings"
	"testing"
	"testing/iotest"
)

// file is a WAV file of these samples. kind is 1 or 3; long makes it an RF64 file.
func file(samples []float32, kind, bits, channels int, long bool) []byte {
	var data []byte
	for _, x := range samples {
		switch bits {
		case 16:
			data = binary.LittleEndian.AppendUint16(data, uint16(int16(math.Round(float64(x)*(1<<15-1)))))
		case 24:
			n := int32(math.Round(float64(x) * (1<<23 - 1)))
			data = append(data, byte(n), byte(n>>8), byte(n>>16))
		default:
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
		}
	}
	chunk := func(name string, text ...byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(text))), text...)
	}
	format := binary.LittleEndian.AppendUint16(nil, uint16(kind))
	format = binary.LittleEndian.AppendUint16(format, uint16(channels))
	format = binary.LittleEndian.AppendUint32(format, 44100)
	format = binary.LittleEndian.AppendUint32(format, uint32(44100*channels*bits/8))
	format = binary.LittleEndian.AppendUint16(format, uint16(channels*bits/8))
	format = binary.LittleEndian.AppendUint16(format, uint16(bits))
	h := []byte("RIFF\x00\x00\x00\x00WAVE")
	size := uint32(len(data))
	if long {
		sizes := binary.LittleEndian.AppendUint64(nil, 0)
		sizes = binary.LittleEndian.AppendUint64(sizes, uint64(len(data)))
		sizes = append(sizes, make([]byte, 12)...)
		h, size = append([]byte("RF64\xff\xff\xff\xffWAVE"), chunk("ds64", sizes...)...), unknown32
	}
	h = append(h, chunk("LIST", 'o', 'd', 'd')...)
	h = append(append(h, 0), chunk("fmt ", format...)...)
	h = binary.LittleEndian.AppendUint32(append(h, "data"...), size)
	return append(append(h, data...), "LIST\x04\x00\x00\x00tail"...)
}

func measure(r io.Reader) (*WAV, Stem, error) {
	w, err := OpenWAV(r)
	if err != nil {
		return nil, Stem{}, err
	}
	s, err := w.Measure("vocals.wav")
	return w, s, err
}

// Every kind that the worker writes is measured as its samples are.
func TestWAVFiles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewSource(23))
	for _, c := range []struct{ kind, bits, channels int }{{1, 16, 2}, {1, 24, 2}, {3, 32, 2}, {1, 16, 1}, {1, 24, 6}} {
		for _, frames := range []int{0, 1, 1199, blockFrames, 3*blockFrames + 5} {
			samples := make([]float32, frames*c.channels)
			for i := range samples {
				samples[i] = float32(random.Float64()*2 - 1)
			}
			want := direct(samples, c.channels)
			for _, long := range []bool{false, true} {
				data := file(samples, c.kind, c.bits, c.channels, long)
				w, got, err := measure(iotest.HalfReader(bytes.NewReader(data)))
				if err != nil || w.Frames != int64(frames) || w.Rate != 44100 {
					t.Fatalf("%+v, %d frames, RF64 %v: %+v, %v", c, frames, long, w, err)
				}
				for i := range want.Min { // One may be rounded to the other side.
					if abs(got.Min[i]-want.Min[i]) > 1 || abs(got.Max[i]-want.Max[i]) > 1 {
						t.Fatalf("%+v, %d frames, bin %d: %d to %d; want %d to %d", c, frames, i, got.Min[i], got.Max[i], want.Min[i], want.Max[i])
					}
				}
			}
		}
	}
}

func abs(n int) int { return max(n, -n) }

// Full scale and what is no number are in a file, too.
func TestTheEndsOfAWAVFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, bits int }{{1, 16}, {1, 24}, {3, 32}} {
		if _, s, err := measure(bytes.NewReader(file([]float32{1, -1, 0, 0}, c.kind, c.bits, 2, false))); err != nil || s.Min[0] != -127 || s.Max[0] != 127 || s.Min[1] != 0 {
			t.Errorf("%+v: %+v, %v", c, s, err)
		}
	}
	if _, s, err := measure(bytes.NewReader(file([]float32{float32(math.NaN()), 0.5}, 3, 32, 1, false))); err != nil || s.Max[0] != 0 || s.Max[1] != 64 {
		t.Errorf("no number: %+v, %v", s, err)
	}
}

// What is no WAV file, or a damaged one, is said, wherever it ends.
func TestDamagedWAVFiles(t *testing.T) {
	t.Parallel()
	good := file(make([]float32, 4000), 1, 16, 2, true)
	for end := range len(good) - 12 { // without what comes after the samples
		_, _, err := measure(bytes.NewReader(good[:end]))
		if !errors.Is(err, ErrFormat) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d bytes of %d: %v", end, len(good), err)
		}
	}
	for name, data := range map[string][]byte{
		"text":            []byte(strings.Repeat("no sound at all ", 100)),
		"8 bits":          file(make([]float32, 4), 1, 8, 1, false),
		"integers of 32":  file(make([]float32, 4), 1, 32, 1, false),
		"no channels":     file(make([]float32, 4), 1, 16, 0, false),
		"no format":       []byte("RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd"),
		"endless samples": bytes.Replace(file(nil, 1, 16, 2, true), []byte("ds64\x1c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), []byte("ds64\x1c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f"), 1),
	} {
		if _, _, err := measure(bytes.NewReader(data)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v; want ErrFormat", name, err)
		}
	}
	broken := errors.New("the disk is broken")
	if _, _, err := measure(io.MultiReader(bytes.NewReader(good[:3000]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("%v; want %v", err, broken)
	}
}

func FuzzWAV(f *testing.F) {
	f.Add(file([]float32{0.5, -0.5}, 1, 16, 2, false))
	f.Add(file([]float32{0.5, -0.5}, 3, 32, 1, true))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, s, err := measure(bytes.NewReader(data))
		if err == nil && (len(s.Min) != len(s.Max) || len(s.Min) > MostBins || int64(len(data)) < w.Frames) {
			t.Errorf("%+v, %+v", w, s)
		}
	})
}
