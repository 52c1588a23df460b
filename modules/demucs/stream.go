package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
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

// A speaker is a channel's place, as the bit that WAV files have for it.
type speaker uint32

const lowFrequency speaker = 1 << 3

const (
	// minus3dB is half of the power.
	minus3dB = 0.70710678118654752
	// minus6dB is minus3dB for what is behind, and again for each side.
	minus6dB = 0.5
)

// A share is how much of a channel goes to the left and to the right.
type share struct{ left, right float64 }

// speakers are the places in the order of their bits, and how ITU-R BS.775 mixes each down to stereo:
// front left and right keep their level, the center and each side 3 dB below, what is behind in the
// middle 6 dB. Nothing is lowered so that the sum does not exceed full scale: the mix is in float, and
// the stems' clip policy comes later. The channel for low-frequency effects is left out, as there.
var speakers = [...]struct {
	name  string
	share share
}{
	{"front left", share{1, 0}},
	{"front right", share{0, 1}},
	{"front center", share{minus3dB, minus3dB}},
	{"low frequency", share{}},
	{"back left", share{minus3dB, 0}},
	{"back right", share{0, minus3dB}},
	{"front left of center", share{1, 0}},
	{"front right of center", share{0, 1}},
	{"back center", share{minus6dB, minus6dB}},
	{"side left", share{minus3dB, 0}},
	{"side right", share{0, minus3dB}},
	{"top center", share{minus6dB, minus6dB}},
	{"top front left", share{minus3dB, 0}},
	{"top front center", share{minus3dB, minus3dB}},
	{"top front right", share{0, minus3dB}},
	{"top back left", share{minus3dB, 0}},
	{"top back center", share{minus6dB, minus6dB}},
	{"top back right", share{0, minus3dB}},
}

func (s speaker) index() int { return bits.TrailingZeros32(uint32(s)) }

// A layout says which channel is which; 0 for an unknown one.
type layout []speaker

// layoutOf returns the layout of so many channels with this mask of a WAV file. Without a mask,
// three to eight channels are taken in the order that WAV files have for that number; more
// channels, or a mask that does not name as many, have no layout.
func layoutOf(channels int, mask uint32) layout {
	if mask == 0 {
		mask = map[int]uint32{ // front, center, low frequency, back, side
			2: 0x3, 3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3f, 7: 0x70f, 8: 0x63f,
		}[channels]
	}
	all := make(layout, channels)
	if bits.OnesCount32(mask) != channels || mask>>len(speakers) != 0 {
		return all
	}
	for i := range all { // Channels are in the order of their bits.
		all[i] = speaker(1 << bits.TrailingZeros32(mask))
		mask &= mask - 1
	}
	return all
}

// shares is how much of each channel goes to the left and to the right. One channel goes to both
// as it is, and two are left and right, wherever the file says that they are. Channels without a
// layout are taken in pairs of left and right; a last one without a partner goes to both, 3 dB
// below.
func (l layout) shares() []share {
	all := make([]share, len(l))
	for i, s := range l {
		switch {
		case len(l) == 1:
			all[i] = share{1, 1}
		case len(l) > 2 && s != 0:
			all[i] = speakers[s.index()].share
		case i%2 == 1:
			all[i] = share{0, 1}
		case i == len(l)-1:
			all[i] = share{minus3dB, minus3dB}
		default:
			all[i] = share{1, 0}
		}
	}
	return all
}

func (l layout) name(channel int) string {
	if len(l) == 1 {
		return "the only channel"
	}
	if s := l[channel]; s != 0 {
		return fmt.Sprintf("channel %d (%s)", channel+1, speakers[s.index()].name)
	}
	return fmt.Sprintf("channel %d", channel+1)
}

// An aligner puts a track where a player plays it: it writes silence before what begins late,
// drops what is before the beginning, and drops what an encoder added behind the end.
type aligner struct {
	to io.Writer
	// pad and skip are how many frames of silence come first, and how many frames of the track are
	// dropped. One of them is 0.
	pad, skip int64
	// end is after how many frames of the track the file says that it ends, without those skipped;
	// 0 when it says nothing. What is beyond it is kept nevertheless when it is more than slack
	// frames: no encoder adds as much, so the file is wrong about its length.
	end, slack int64
	// written is how many frames of the track are written, kept what is beyond the end.
	written int64
	kept    []byte
}

// Write takes whole frames.
func (a *aligner) Write(p []byte) (int, error) {
	size := len(p)
	if err := a.silence(); err != nil {
		return 0, err
	}
	drop := min(a.skip*mixFrameSize, int64(len(p)))
	a.skip -= drop / mixFrameSize
	p = p[drop:]
	if a.end > 0 {
		fits := max(0, min(int64(len(p)), (a.end-a.written)*mixFrameSize))
		a.kept = append(a.kept, p[fits:]...)
		p = p[:fits]
		if int64(len(a.kept)) > a.slack*mixFrameSize {
			p = append(p[:fits:fits], a.kept...)
			a.kept, a.end = nil, 0
		}
	}
	a.written += int64(len(p)) / mixFrameSize
	if _, err := a.to.Write(p); err != nil {
		return 0, err
	}
	return size, nil
}

// silence writes what comes before the track, once.
func (a *aligner) silence() error {
	zeros := make([]byte, min(a.pad, blockFrames)*mixFrameSize)
	for a.pad > 0 {
		n := min(a.pad, blockFrames)
		if _, err := a.to.Write(zeros[:n*mixFrameSize]); err != nil {
			return err
		}
		a.pad -= n
	}
	return nil
}
