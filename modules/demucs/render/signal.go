package render

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/im2-audio/im2/pipeline/place"
)

// A rawFile is a mix or a raw stem that is read block by block.
type rawFile struct {
	file *os.File
	size int64
	// data is the block as it is in the file, samples the same as numbers.
	data    []byte
	samples []float32
}

func openRaw(work *os.Root, path string) (*rawFile, error) {
	file, err := place.OpenIn(work, path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &rawFile{file: file, size: info.Size(), data: make([]byte, blockFrames*RawFrame), samples: make([]float32, blockFrames*channels)}, nil
}

func (r *rawFile) read(frames int) error {
	if _, err := io.ReadFull(r.file, r.data[:frames*RawFrame]); err != nil {
		return fmt.Errorf("reading a raw stem: %w", err)
	}
	return nil
}

func (r *rawFile) decode(frames int) { decode(r.samples, r.data[:frames*RawFrame]) }

func decode(samples []float32, data []byte) {
	for i := range samples[:len(data)/rawSample] {
		samples[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[i*rawSample:]))
	}
}

// mixdown adds up the inputs of an output, as raw samples, for a block that was read. inputs are
// nil where the factor is 0.
func mixdown(into []float32, sum []float64, inputs []*rawFile, factors []float64) {
	clear(sum)
	for i, factor := range factors {
		if factor == 0 {
			continue
		}
		samples := inputs[i].samples[:len(sum)]
		for j, x := range samples {
			sum[j] += factor * float64(x)
		}
	}
	for j, x := range sum {
		into[j] = float32(x)
	}
}

// A signal is an output as a stream of raw samples.
type signal struct {
	ctx    context.Context // A reader has no other place for it.
	inputs []*rawFile
	output output
	// left is how many frames are still to come.
	left     int64
	progress *progress
	sum      []float64
	samples  []float32
	block    []byte
	// rest is the part of the block that was not read yet.
	rest []byte
}

func (r *renderer) open(ctx context.Context, out output) (*signal, error) {
	s := &signal{
		ctx: ctx, output: out, left: r.Frames, progress: &r.progress, inputs: make([]*rawFile, len(out.factors)),
		sum: make([]float64, blockFrames*channels), samples: make([]float32, blockFrames*channels), block: make([]byte, 0, blockFrames*RawFrame),
	}
	for i, factor := range out.factors {
		if factor == 0 {
			continue
		}
		raw, err := openRaw(r.Work, r.path(i))
		if err != nil {
			s.close()
			return nil, err
		}
		s.inputs[i] = raw
	}
	return s, nil
}

func (s *signal) close() {
	for _, in := range s.inputs {
		if in != nil {
			_ = in.file.Close()
		}
	}
}

// Read reads raw samples.
func (s *signal) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *signal) next() error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if s.left == 0 {
		return io.EOF
	}
	frames := int(min(s.left, blockFrames))
	for _, in := range s.inputs {
		if in != nil {
			if err := in.read(frames); err != nil {
				return err
			}
		}
	}
	if same, ok := s.output.same(); ok {
		s.rest = s.inputs[same].data[:frames*RawFrame]
	} else {
		s.add(frames)
	}
	s.left -= int64(frames)
	s.progress.add(int64(frames))
	return nil
}

func (s *signal) add(frames int) {
	for _, in := range s.inputs {
		if in != nil {
			in.decode(frames)
		}
	}
	n := frames * channels
	mixdown(s.samples, s.sum[:n], s.inputs, s.output.factors)
	s.block = s.block[:0]
	for _, x := range s.samples[:n] {
		s.block = binary.LittleEndian.AppendUint32(s.block, math.Float32bits(x))
	}
	s.rest = s.block
}

// samplesWriter is a writer of raw samples that hands them on as numbers.
type samplesWriter struct {
	each  func([]float32) error
	block []float32
	// rest is the beginning of a frame.
	rest []byte
	// frames counts what was handed on.
	frames int64
}

func (w *samplesWriter) Write(p []byte) (int, error) {
	n := len(p)
	if len(w.rest) > 0 {
		more := min(RawFrame-len(w.rest), len(p))
		w.rest, p = append(w.rest, p[:more]...), p[more:]
		if len(w.rest) < RawFrame {
			return n, nil
		}
		rest := w.rest
		w.rest = w.rest[:0]
		if err := w.whole(rest); err != nil {
			return 0, err
		}
	}
	whole := len(p) / RawFrame * RawFrame
	if err := w.whole(p[:whole]); err != nil {
		return 0, err
	}
	w.rest = append(w.rest, p[whole:]...)
	return n, nil
}

// whole hands on whole frames.
func (w *samplesWriter) whole(p []byte) error {
	if w.block == nil {
		w.block = make([]float32, blockFrames*channels)
	}
	for len(p) > 0 {
		n := min(len(p), blockFrames*RawFrame)
		block := w.block[:n/rawSample]
		decode(block, p[:n])
		if err := w.each(block); err != nil {
			return err
		}
		w.frames += int64(n / RawFrame)
		p = p[n:]
	}
	return nil
}

// A meter measures the largest sample.
type meter struct {
	samples samplesWriter
	peak    float64
}

func (m *meter) Write(p []byte) (int, error) {
	if m.samples.each == nil {
		m.samples.each = func(block []float32) error {
			m.peak = max(m.peak, loudest(block))
			return nil
		}
	}
	return m.samples.Write(p)
}

// A quantizer writes samples as they are in a file.
type quantizer struct {
	samplesWriter
	format format
	gain   float64
	to     io.Writer
	buf    []byte
}

func newQuantizer(f format, gain float64, to io.Writer) *quantizer {
	q := &quantizer{format: f, gain: gain, to: to}
	q.each = func(block []float32) error {
		q.buf = q.quantize(q.buf[:0], block)
		_, err := q.to.Write(q.buf)
		return err
	}
	return q
}

// quantize appends samples to buf. Whole numbers are the nearest ones, the even one of two.
func (q *quantizer) quantize(buf []byte, samples []float32) []byte {
	const full16, full24 = 1 << 15, 1 << 23
	at := len(buf)
	buf = slices.Grow(buf, len(samples)*q.format.bits/8)[:at+len(samples)*q.format.bits/8]
	into := buf[at:]
	switch q.format.bits {
	case 16:
		scale := q.gain * full16
		for i, x := range samples {
			binary.LittleEndian.PutUint16(into[i*2:], uint16(nearest(x, scale, full16)))
		}
	case 24:
		scale := q.gain * full24
		for i, x := range samples {
			n := nearest(x, scale, full24)
			into[i*3], into[i*3+1], into[i*3+2] = byte(n), byte(n>>8), byte(n>>16)
		}
	default:
		for i, x := range samples {
			y := float64(x) * q.gain
			if q.format.clamp {
				y = max(-1, min(1, y))
			}
			binary.LittleEndian.PutUint32(into[i*rawSample:], math.Float32bits(float32(y)))
		}
	}
	return buf
}

// nearest rounds a sample to a whole number below full, and at least -full.
func nearest(x float32, scale, full float64) int32 {
	y := math.RoundToEven(float64(x) * scale)
	switch {
	case y >= full:
		y = full - 1
	case !(y >= -full): // Also what is no number.
		y = -full
	}
	return int32(y)
}
