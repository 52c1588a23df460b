package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	// mostChannels is what ffmpeg decodes.
	mostChannels = 512
	// longestHeader bounds what is before the samples.
	longestHeader = 1 << 20
	// blockFrames is how many frames are mixed at once.
	blockFrames = 4096
	// loudestSample is 240 dB above full scale. What exceeds it is no sound, and would make
	// everything else vanish.
	loudestSample = 1e12
)

// errNoStream is returned when ffmpeg writes something else than it was asked for.
var errNoStream = errors.New("ffmpeg wrote no WAV stream of 32-bit float samples")

// A stream is the samples that ffmpeg decodes, at the rate and with the channels of the source.
type stream struct {
	r      *bufio.Reader
	rate   int
	layout layout
}

// openStream reads the header of a WAV stream with 32-bit float samples, which has no length. It
// returns io.EOF when there is not even one byte.
func openStream(from io.Reader) (*stream, error) {
	s := &stream{r: bufio.NewReaderSize(from, 1<<20)}
	var head [12]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return nil, err
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, errNoStream
	}
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(s.r, chunk[:]); err != nil {
			return nil, err
		}
		size := binary.LittleEndian.Uint32(chunk[4:])
		switch id := string(chunk[:4]); {
		case id == "data" && s.rate > 0:
			return s, nil
		case id == "fmt " && size >= 16 && size < longestHeader:
			format := make([]byte, size)
			if _, err := io.ReadFull(s.r, format); err != nil {
				return nil, err
			}
			if err := s.setFormat(format); err != nil {
				return nil, err
			}
		case size < longestHeader:
			if _, err := s.r.Discard(int(size + size%2)); err != nil {
				return nil, err
			}
		default:
			return nil, errNoStream
		}
	}
}

func (s *stream) setFormat(format []byte) error {
	const float, extensible = 3, 0xfffe
	tag, channels := binary.LittleEndian.Uint16(format), int(binary.LittleEndian.Uint16(format[2:]))
	rate, width := binary.LittleEndian.Uint32(format[4:]), binary.LittleEndian.Uint16(format[14:])
	mask := uint32(0)
	if tag == extensible && len(format) >= 40 {
		mask, tag = binary.LittleEndian.Uint32(format[20:]), binary.LittleEndian.Uint16(format[24:])
	}
	if tag != float || width != 32 || channels == 0 || channels > mostChannels || rate == 0 || rate > math.MaxInt32 {
		return fmt.Errorf("%w: format %d with %d bits, %d channels, %d Hz", errNoStream, tag, width, channels, rate)
	}
	s.rate, s.layout = int(rate), layoutOf(channels, mask)
	return nil
}

// A sampleError is returned for a sample that is no number that a sound can have.
type sampleError struct {
	// frame counts from the first one of the stream.
	frame   int64
	channel string
	value   float64
}

func (b *sampleError) Error() string {
	return fmt.Sprintf("sample %d of %s is %s", b.frame+1, b.channel, b.what())
}

func (b *sampleError) what() string {
	switch {
	case math.IsNaN(b.value):
		return "not a number (NaN)"
	case math.IsInf(b.value, 0):
		return "infinite"
	}
	return fmt.Sprintf("%.3g, more than 240 dB above full scale", b.value)
}

// mixDown reads the stream to its end and writes it as stereo. It returns how many frames there
// were. The error is a *sampleError for the first sample that is no number.
func (s *stream) mixDown(to io.Writer) (frames int64, err error) {
	channels, shares := len(s.layout), s.layout.shares()
	in := make([]byte, blockFrames*channels*4)
	out := make([]byte, 0, blockFrames*mixFrameSize)
	for {
		n, err := io.ReadFull(s.r, in)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		n /= channels * 4
		out = out[:0]
		for i := range n {
			var left, right float64
			for c := range channels {
				v := float64(math.Float32frombits(binary.LittleEndian.Uint32(in[(i*channels+c)*4:])))
				if !(math.Abs(v) <= loudestSample) { // NaN is not greater either.
					return frames, &sampleError{frames + int64(i), s.layout.name(c), v}
				}
				left += v * shares[c].left
				right += v * shares[c].right
			}
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(left)))
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(right)))
		}
		frames += int64(n)
		if n > 0 {
			if _, err := to.Write(out); err != nil {
				return frames, err
			}
		}
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return frames, err
		}
	}
}
