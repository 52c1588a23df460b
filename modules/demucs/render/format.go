package render

import (
	"fmt"
	"slices"

	"github.com/im2-audio/im2/pipeline/options"
)

// A format is a kind of file, and how its samples are written.
type format struct {
	// ext ends the names of the files.
	ext string
	// bits is 16 or 24 for whole numbers, 32 for float.
	bits int
	// full is the largest sample that is not clipped; 0 where there is no such thing.
	full float64
	// clamp cuts float samples off at full scale.
	clamp bool
}

func newFormat(o options.Options) (format, error) {
	f := format{ext: o.Format, clamp: o.Clip == options.Clamp}
	switch {
	case o.Format == options.MP3 && o.Bits == "":
		f.bits, f.full = 32, 1 // LAME takes float; what is above full scale clips when it is played.
	case o.Format == options.WAV && o.Bits == options.BitsFloat:
		f.bits = 32
	case (o.Format == options.WAV || o.Format == options.FLAC) && o.Bits == options.Bits16:
		f.bits, f.full = 16, (1<<15-1.0)/(1<<15)
	case (o.Format == options.WAV || o.Format == options.FLAC) && o.Bits == options.Bits24:
		f.bits, f.full = 24, (1<<23-1.0)/(1<<23)
	default:
		return format{}, fmt.Errorf("stems cannot be written as %q with %q bits", o.Format, o.Bits)
	}
	return f, nil
}

func (f format) takes(rate int) bool {
	switch f.ext {
	case options.MP3:
		return slices.Contains([]int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}, rate)
	case options.FLAC: // RFC 9639, section 9.1.2: above 65535 Hz a frame has it in tens.
		return rate <= 65535 || (rate <= 655350 && rate%10 == 0)
	default:
		return true
	}
}

// size is how many bytes a file takes at most, headers apart.
func (f format) size(frames int64, rate int) int64 {
	if f.ext == options.MP3 {
		return int64(float64(frames)/float64(rate)*mp3Bits/8) + 1<<16
	}
	return frames * channels * int64(f.bits/8)
}
