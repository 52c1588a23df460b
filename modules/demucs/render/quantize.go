package render

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
)

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
