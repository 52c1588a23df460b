package peaks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrFormat is returned for what is no WAV file that ReadWAV knows.
var ErrFormat = errors.New("it is not a WAV file with samples of 16 or 24 bits, or of 32 bits float")

const (
	wavPCM, wavFloat, wavExtensible = 1, 3, 0xfffe
	mostChannels                    = 64
	// longestFormat bounds the chunk that describes the samples.
	longestFormat = 1 << 10
	// unknown32 stands in an RF64 file (EBU Tech 3306) for a size that is in its first chunk.
	unknown32 = math.MaxUint32
	// mostFrames is more than any disk holds.
	mostFrames = 1 << 40
	// blockFrames is how much is in memory.
	blockFrames = 8192
)

// A WAV is what a WAV file says of its samples.
type WAV struct {
	// Rate is the sample rate in Hz, Frames the length.
	Rate   int
	Frames int64

	float           bool
	bits, frameSize int
	channels        int
	data            io.Reader
}

// OpenWAV reads the beginning of a WAV or RF64 file, up to its samples. The error is ErrFormat, or one of reading.
func OpenWAV(r io.Reader) (*WAV, error) {
	head := make([]byte, 12)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, notWhole(err)
	}
	if kind := string(head[:4]); kind != "RIFF" && kind != "RF64" || string(head[8:]) != "WAVE" {
		return nil, ErrFormat
	}
	w, long := &WAV{}, int64(-1)
	for {
		if _, err := io.ReadFull(r, head[:8]); err != nil {
			return nil, notWhole(err)
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		switch name := string(head[:4]); {
		case name == "data":
			if size == unknown32 && long >= 0 {
				size = long
			}
			if w.frameSize == 0 || size/int64(w.frameSize) > mostFrames {
				return nil, ErrFormat
			}
			w.Frames, w.data = size/int64(w.frameSize), r
			return w, nil
		case (name == "fmt " || name == "ds64") && size >= 16 && size <= longestFormat:
			chunk := make([]byte, size+size%2)
			if _, err := io.ReadFull(r, chunk); err != nil {
				return nil, notWhole(err)
			}
			if name == "ds64" {
				long = int64(min(binary.LittleEndian.Uint64(chunk[8:]), math.MaxInt64))
			} else if err := w.format(chunk); err != nil {
				return nil, err
			}
		default:
			if _, err := io.CopyN(io.Discard, r, size+size%2); err != nil {
				return nil, notWhole(err)
			}
		}
	}
}

func notWhole(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrFormat
	}
	return err
}

func (w *WAV) format(chunk []byte) error {
	kind := binary.LittleEndian.Uint16(chunk)
	if kind == wavExtensible && len(chunk) >= 26 {
		kind = binary.LittleEndian.Uint16(chunk[24:])
	}
	w.channels = int(binary.LittleEndian.Uint16(chunk[2:]))
	w.Rate = int(min(binary.LittleEndian.Uint32(chunk[4:]), math.MaxInt32))
	w.bits, w.float = int(binary.LittleEndian.Uint16(chunk[14:])), kind == wavFloat
	known := kind == wavPCM && (w.bits == 16 || w.bits == 24) || kind == wavFloat && w.bits == 32
	if !known || w.channels < 1 || w.channels > mostChannels || w.Rate < 1 {
		return ErrFormat
	}
	w.frameSize = w.channels * w.bits / 8
	return nil
}

// Measure reads all samples. A file that ends too early is io.ErrUnexpectedEOF.
func (w *WAV) Measure(file string) (Stem, error) {
	m := NewMeter(w.Frames, w.channels)
	block, samples := make([]byte, blockFrames*w.frameSize), make([]float32, blockFrames*w.channels)
	for left := w.Frames; left > 0; {
		frames := min(left, blockFrames)
		data := block[:frames*int64(w.frameSize)]
		if _, err := io.ReadFull(w.data, data); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return Stem{}, fmt.Errorf("reading %s: %w", file, err)
		}
		m.Add(w.decode(samples, data))
		left -= frames
	}
	return m.Stem(file, 1), nil
}

func (w *WAV) decode(into []float32, data []byte) []float32 {
	into = into[:len(data)*8/w.bits]
	for i := range into {
		switch {
		case w.float:
			into[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[i*4:]))
		case w.bits == 16:
			into[i] = float32(int16(binary.LittleEndian.Uint16(data[i*2:]))) / (1 << 15)
		default:
			into[i] = float32(int32(data[i*3])<<8|int32(data[i*3+1])<<16|int32(data[i*3+2])<<24) / (1 << 31)
		}
	}
	return into
}
