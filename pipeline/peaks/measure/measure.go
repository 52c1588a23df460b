// Package measure measures stems that are files already, for the peaks.json that earlier versions did not make: WAV, FLAC and MP3.
//
// The decoders of FLAC and MP3 are those of others, and a file may be damaged, or made by somebody to harm them: what they cannot decode is an
// error, also where they panic, and a block of sound is all that is in memory.
package measure

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/hajimehoshi/go-mp3"
	"github.com/mewkiz/flac"

	"github.com/im2-audio/im2/pipeline/mp3info"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/peaks"
)

// ErrDamaged is returned for a file that is not what its name says, or that these decoders cannot decode.
var ErrDamaged = errors.New("it cannot be decoded")

const (
	// decoderDelay is how many samples later than an encoder was given them a decoder of MP3 returns them.
	decoderDelay = 529
	// mp3Frame is how many bytes a sample of both channels has as the decoder of MP3 returns it.
	mp3Frame    = 4
	blockFrames = 8192
)

// A Sound is what was measured of one file.
type Sound struct {
	// Frames is its length, Rate its sample rate in Hz.
	Frames int64
	Rate   int
	Stem   peaks.Stem
}

// Knows says whether File measures files of this name.
func Knows(name string) bool { return measurers[filepath.Ext(name)] != nil }

var measurers = map[string]func(r io.Reader, name string, accept Accept) (Sound, error){
	"." + options.WAV:  wav,
	"." + options.FLAC: ofFLAC,
	"." + options.MP3:  ofMP3,
}

// An Accept is asked before a sound is measured that is so long, by what its file says: rate is in Hz. File returns its error.
type Accept func(frames int64, rate int) error

// File measures a file of this name, which Knows knows, and reads all of it. accept may be nil. The error is one of accept or r,
// io.ErrUnexpectedEOF for a file that ends too early, or ErrDamaged; of WAV files, peaks.ErrFormat.
func File(r io.Reader, name string, accept Accept) (sound Sound, err error) {
	if accept == nil {
		accept = func(int64, int) error { return nil }
	}
	watched := &watchedReader{r: r}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %w: %v", name, ErrDamaged, p)
		}
		if watched.err != nil { // Whatever a decoder makes of it.
			err = fmt.Errorf("reading %s: %w", name, watched.err)
		}
	}()
	return measurers[filepath.Ext(name)](watched, name, accept)
}

// A watchedReader keeps the error of a reader, other than its end.
type watchedReader struct {
	r   io.Reader
	err error
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

func wav(r io.Reader, name string, accept Accept) (Sound, error) {
	w, err := peaks.OpenWAV(r)
	if err != nil {
		return Sound{}, fmt.Errorf("%s: %w", name, err)
	}
	if err := accept(w.Frames, w.Rate); err != nil {
		return Sound{}, fmt.Errorf("%s: %w", name, err)
	}
	stem, err := w.Measure(name)
	return Sound{w.Frames, w.Rate, stem}, err
}

func ofFLAC(r io.Reader, name string, accept Accept) (Sound, error) {
	stream, err := flac.New(r)
	if err != nil {
		return Sound{}, fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
	}
	info := stream.Info
	if info.NSamples == 0 || info.SampleRate == 0 {
		return Sound{}, fmt.Errorf("%s: %w: it does not say how long it is", name, ErrDamaged)
	}
	channels := int(info.NChannels)
	s := Sound{Frames: int64(info.NSamples), Rate: int(info.SampleRate)} //nolint:gosec // it has 36 bits
	if err := accept(s.Frames, s.Rate); err != nil {
		return Sound{}, fmt.Errorf("%s: %w", name, err)
	}
	meter := peaks.NewMeter(s.Frames, channels)
	full := float32(int64(1) << (info.BitsPerSample - 1))
	var block []float32
	for at := int64(0); at < s.Frames; {
		frame, err := stream.ParseNext()
		if errors.Is(err, io.EOF) {
			return Sound{}, fmt.Errorf("reading %s: %w", name, io.ErrUnexpectedEOF)
		}
		if err == nil && len(frame.Subframes) != channels {
			err = errors.New("the number of channels changes")
		}
		if err != nil {
			return Sound{}, fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
		}
		block = block[:0]
		n := len(frame.Subframes[0].Samples)
		for i := range n {
			for _, sub := range frame.Subframes {
				block = append(block, float32(sub.Samples[i])/full)
			}
		}
		meter.Add(block)
		at += int64(n)
	}
	s.Stem = meter.Stem(name, 1)
	return s, nil
}

func ofMP3(r io.Reader, name string, accept Accept) (Sound, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	head, _ := in.Peek(mp3info.ID3Header)                     // A file that is too short is so below.
	_, err := io.CopyN(io.Discard, in, mp3info.ID3Size(head)) // The decoder would have all of it in memory.
	if err == nil {
		head, _ = in.Peek(mp3info.Head)
	}
	tag, found := mp3info.Read(head)
	if err != nil || !found || tag.Samples() <= 0 {
		return Sound{}, fmt.Errorf("%s: %w: it does not say how long it is", name, ErrDamaged)
	}
	decoder, err := mp3.NewDecoder(struct{ io.Reader }{in})
	if err != nil {
		return Sound{}, fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
	}
	s := Sound{Frames: tag.Samples(), Rate: decoder.SampleRate()}
	if err := accept(s.Frames, s.Rate); err != nil {
		return Sound{}, fmt.Errorf("%s: %w", name, err)
	}
	before := tag.PerFrame + tag.Delay + decoderDelay // The frame of the tag is decoded, too.
	if _, err := io.CopyN(io.Discard, decoder, before*mp3Frame); err != nil {
		return Sound{}, fmt.Errorf("reading %s: %w", name, io.ErrUnexpectedEOF)
	}
	meter := peaks.NewMeter(s.Frames, 2)
	data, samples := make([]byte, blockFrames*mp3Frame), make([]float32, 2*blockFrames)
	for left := s.Frames; left > 0; {
		n, err := io.ReadFull(decoder, data[:min(left, blockFrames)*mp3Frame])
		for i := range n / 2 {
			samples[i] = float32(int16(binary.LittleEndian.Uint16(data[2*i:]))) / (1 << 15)
		}
		meter.Add(samples[:n/2])
		left -= int64(n / mp3Frame)
		if ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); ended && left > decoderDelay { // The last ones may be in no frame.
			return Sound{}, fmt.Errorf("reading %s: %w", name, io.ErrUnexpectedEOF)
		} else if ended {
			break
		}
		if err != nil {
			return Sound{}, fmt.Errorf("%s: %w: %w", name, ErrDamaged, err)
		}
	}
	s.Stem = meter.Stem(name, 1)
	return s, nil
}
