package bench

import (
	"encoding/binary"
	"math"
)

const (
	songRate     = 44_100 // samples a second, what the engine takes
	songChannels = 2
	sampleBytes  = 2
)

// song is a WAV file with chords and a beat that plays for so many seconds: what the engine's own
// command takes as it is, so that the worker has nothing to convert that the command would be
// spared.
func song(seconds float64) []byte {
	frames := int(seconds * songRate)
	size := uint32(frames * songChannels * sampleBytes) //nolint:gosec // a song is far shorter than six hours
	out := append(binary.LittleEndian.AppendUint32([]byte("RIFF"), 36+size), "WAVEfmt "...)
	for _, field := range []uint32{16, 1 | songChannels<<16, songRate, songRate * songChannels * sampleBytes, songChannels*sampleBytes | 16<<16} {
		out = binary.LittleEndian.AppendUint32(out, field)
	}
	out = binary.LittleEndian.AppendUint32(append(out, "data"...), size)
	for i := range frames {
		t := float64(i) / songRate
		beat := 0.4 * math.Sin(2*math.Pi*60*t) * math.Exp(-20*math.Mod(t, 0.5))
		chord := 0.1 * (math.Sin(2*math.Pi*220*t) + math.Sin(2*math.Pi*277.2*t) + math.Sin(2*math.Pi*329.6*t))
		v := uint16(int16((beat + chord) * math.MaxInt16)) //nolint:gosec // two's complement is what the file holds
		out = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(out, v), v)
	}
	return out
}
