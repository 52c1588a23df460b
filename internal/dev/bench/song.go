package bench

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

const (
	songRate     = 44_100 // samples a second, what the engine takes
	songChannels = 2
	sampleBytes  = 2
)

// LongestSong is what a WAV file holds.
const LongestSong = 6 * time.Hour

// writeWAV writes a song that plays for so many seconds as a WAV file: what the npm package's
// command takes as it is, so that the worker has nothing to convert that the command would be
// spared.
func writeWAV(w io.Writer, seconds float64) error {
	frames := int(seconds * songRate)
	size := uint32(frames * songChannels * sampleBytes) //nolint:gosec // no song is longer than LongestSong
	head := append(binary.LittleEndian.AppendUint32([]byte("RIFF"), 36+size), "WAVEfmt "...)
	for _, field := range []uint32{16, 1 | songChannels<<16, songRate, songRate * songChannels * sampleBytes, songChannels*sampleBytes | 16<<16} {
		head = binary.LittleEndian.AppendUint32(head, field)
	}
	head = binary.LittleEndian.AppendUint32(append(head, "data"...), size)
	if _, err := w.Write(head); err != nil {
		return err
	}
	return eachFrame(w, frames, func(frame []byte, v int16) []byte {
		u := uint16(v) //nolint:gosec // two's complement is what the file holds
		return binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(frame, u), u)
	})
}

// writeFloats writes the same song as the worker gives it to the engine: 32-bit float samples, left
// and right in turn.
func writeFloats(w io.Writer, seconds float64) error {
	return eachFrame(w, int(seconds*songRate), func(frame []byte, v int16) []byte {
		bits := math.Float32bits(float32(v) / (math.MaxInt16 + 1))
		return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(frame, bits), bits)
	})
}

// eachFrame writes what add appends for each frame of the song, chords and a beat, that is the same
// in both channels.
func eachFrame(w io.Writer, frames int, add func(frame []byte, v int16) []byte) error {
	var frame []byte
	for i := range frames {
		t := float64(i) / songRate
		beat := 0.4 * math.Sin(2*math.Pi*60*t) * math.Exp(-20*math.Mod(t, 0.5))
		chord := 0.1 * (math.Sin(2*math.Pi*220*t) + math.Sin(2*math.Pi*277.2*t) + math.Sin(2*math.Pi*329.6*t))
		frame = add(frame[:0], int16((beat+chord)*math.MaxInt16))
		if _, err := w.Write(frame); err != nil {
			return err
		}
	}
	return nil
}

// difference compares the raw stems in two folders: how many dB lower than the stems in the first one
// their difference is, all together, and at most equalDB.
func difference(folder, other string) (db float64, err error) {
	var stems, differs float64
	for _, stem := range stemNames() {
		a, b, err := compareFiles(filepath.Join(folder, stem+".f32"), filepath.Join(other, stem+".f32"))
		if err != nil {
			return 0, err
		}
		stems, differs = stems+a, differs+b
	}
	return min(equalDB, math.Round(100*math.Log10(stems/max(differs, math.SmallestNonzeroFloat64)))/10), nil
}

// compareFiles returns the energy of one file's samples, and of their difference to the other's.
func compareFiles(path, other string) (energy, differs float64, err error) {
	var readers [2]io.Reader
	for i, name := range []string{path, other} {
		f, err := os.Open(name) //nolint:gosec // G304: the bench's own folders
		if err != nil {
			return 0, 0, err
		}
		defer func() { _ = f.Close() }() // It was only read.
		readers[i] = bufio.NewReader(f)
	}
	var bits [2][4]byte
	for {
		_, err := io.ReadFull(readers[0], bits[0][:])
		_, otherErr := io.ReadFull(readers[1], bits[1][:])
		if errors.Is(err, io.EOF) && errors.Is(otherErr, io.EOF) {
			return energy, differs, nil
		}
		if err := errors.Join(err, otherErr); err != nil {
			return 0, 0, err
		}
		a := float64(math.Float32frombits(binary.LittleEndian.Uint32(bits[0][:])))
		b := float64(math.Float32frombits(binary.LittleEndian.Uint32(bits[1][:])))
		energy, differs = energy+a*a, differs+(a-b)*(a-b)
	}
}
