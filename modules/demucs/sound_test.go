package main

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// floatWAV is a WAV file with 32-bit float samples, which are interleaved. Without a mask it says
// nothing of places.
func floatWAV(rate, channels int, mask uint32, samples []float32) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("RIFF"), uint32(60+4*len(samples)))
	b = le.AppendUint32(append(b, "WAVEfmt "...), 40)
	b = le.AppendUint16(le.AppendUint16(b, 0xfffe), uint16(channels))
	b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(rate*channels*4))
	b = le.AppendUint16(le.AppendUint16(b, uint16(channels*4)), 32)
	b = le.AppendUint16(le.AppendUint16(b, 22), 32)
	b = append(le.AppendUint32(b, mask), "\x03\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71data"...)
	b = le.AppendUint32(b, uint32(4*len(samples)))
	for _, v := range samples {
		b = le.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// sweep is the known sound, t seconds after its beginning: in each channel a tone that rises, so that it
// is like itself at no other time.
func sweep(t float64) (left, right float64) {
	return 0.5 * math.Sin(2*math.Pi*(200*t+400*t*t)), 0.25 * math.Sin(2*math.Pi*(300*t+300*t*t))
}

// sweepFrames is the known sound as stereo samples.
func sweepFrames(rate int, seconds float64) []float32 {
	var all []float32
	for i := range int(math.Round(seconds * float64(rate))) {
		l, r := sweep(float64(i) / float64(rate))
		all = append(all, float32(l), float32(r))
	}
	return all
}

// writeTemp writes a file into a new folder.
func writeTemp(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	spooltest.Must(t, os.WriteFile(path, content, place.FileMode))
	return path
}

// readMix reads both channels of a mix.
func readMix(t *testing.T, path string) (left, right []float64) {
	t.Helper()
	data, err := os.ReadFile(path)
	spooltest.Must(t, err)
	for ; len(data) >= mixFrameSize; data = data[mixFrameSize:] {
		left = append(left, float64(math.Float32frombits(binary.LittleEndian.Uint32(data))))
		right = append(right, float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4:]))))
	}
	return left, right
}

// A likeness is what a signal has of the known one.
type likeness struct {
	// lag is by how many samples it comes later.
	lag int
	// gain is its level against the known one, at that lag, and noise what differs then, in decibels
	// below it.
	gain, noise float64
}

// compare looks for the known signal, which begins at a time, in half a second of a mix's channel.
func compare(mix []float64, begin float64, known func(t float64) float64) likeness {
	const reach, size = 4000, mixRate / 2
	at := int(math.Round(begin*mixRate)) + mixRate/4
	var ref [size + 2*reach]float64 // from at - reach on
	for i := range ref {
		ref[i] = known(float64(at-reach+i)/mixRate - begin)
	}
	if len(mix) < at+size {
		return likeness{lag: math.MaxInt, noise: 0}
	}
	part := mix[at : at+size]
	best := likeness{noise: math.Inf(-1)}
	for lag := -reach; lag < reach; lag++ {
		from := ref[reach-lag:]
		var xy, yy, xx float64
		step := 16
		for i := 0; i < size; i += step {
			xy += part[i] * from[i]
			yy += from[i] * from[i]
			xx += part[i] * part[i]
		}
		if c := xy / math.Sqrt(xx*yy); c > best.noise {
			best = likeness{lag: lag, noise: c}
		}
	}
	from := ref[reach-best.lag:]
	var xy, yy, rest float64
	for i := range part {
		xy += part[i] * from[i]
		yy += from[i] * from[i]
	}
	best.gain = xy / yy
	for i := range part {
		d := part[i] - best.gain*from[i]
		rest += d * d
	}
	best.noise = 10 * math.Log10(best.gain*best.gain*yy/rest)
	return best
}
