package render

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
)

const (
	wavPCM   = 1
	wavFloat = 3
	// fmtSize and factSize are the sizes of these chunks without their names and sizes.
	fmtSize, floatFmtSize, factSize, ds64Size = 16, 18, 4, 28
	// unknown32 stands in an RF64 file for a size that is in its first chunk.
	unknown32 = math.MaxUint32
)

// wavHeader is what comes before the samples of a WAV file. A file of 4 GiB or more is an RF64 file
// (EBU Tech 3306), which has its sizes in 64 bits.
func wavHeader(f format, rate int, frames int64) []byte {
	frameSize := int64(channels * f.bits / 8)
	data := frames * frameSize
	about := appendFormat(nil, f, rate, frameSize)
	if f.bits == 32 { // Not only PCM: the number of frames is to be told.
		about = appendChunk(about, "fact", factSize)
		about = binary.LittleEndian.AppendUint32(about, short(frames))
	}
	riff := int64(len("WAVE")+len(about)+8) + data
	if riff < unknown32 && data < unknown32 {
		h := append(appendChunk(nil, "RIFF", uint32(riff)), "WAVE"...)
		return appendChunk(append(h, about...), "data", uint32(data))
	}
	h := append(appendChunk(nil, "RF64", unknown32), "WAVE"...)
	h = appendChunk(h, "ds64", ds64Size)
	for _, n := range []int64{riff + ds64Size + 8, data, frames} {
		h = binary.LittleEndian.AppendUint64(h, uint64(n))
	}
	h = binary.LittleEndian.AppendUint32(h, 0) // There are no other sizes.
	return appendChunk(append(h, about...), "data", unknown32)
}

func appendChunk(h []byte, name string, size uint32) []byte {
	return binary.LittleEndian.AppendUint32(append(h, name...), size)
}

func appendFormat(h []byte, f format, rate int, frameSize int64) []byte {
	kind, size := uint16(wavPCM), uint32(fmtSize)
	if f.bits == 32 {
		kind, size = wavFloat, floatFmtSize
	}
	h = appendChunk(h, "fmt ", size)
	h = binary.LittleEndian.AppendUint16(h, kind)
	h = binary.LittleEndian.AppendUint16(h, channels)
	h = binary.LittleEndian.AppendUint32(h, short(int64(rate)))
	h = binary.LittleEndian.AppendUint32(h, short(int64(rate)*frameSize))
	h = binary.LittleEndian.AppendUint16(h, uint16(frameSize))
	h = binary.LittleEndian.AppendUint16(h, uint16(f.bits))
	if f.bits == 32 {
		h = binary.LittleEndian.AppendUint16(h, 0) // Nothing more about the format.
	}
	return h
}

func short(n int64) uint32 {
	return uint32(min(n, unknown32))
}

func (r *renderer) writeWAV(ctx context.Context, out output, gain float64, file *os.File) error {
	buf := bufio.NewWriterSize(file, blockFrames*RawFrame)
	if _, err := buf.Write(wavHeader(r.format, r.rate, r.frames)); err != nil {
		return err
	}
	samples := newQuantizer(r.format, gain, buf)
	if err := r.feed(ctx, out, samples); err != nil {
		return err
	}
	if err := r.complete(samples); err != nil {
		return err
	}
	return buf.Flush()
}

func (r *renderer) complete(q *quantizer) error {
	if q.frames == r.frames && len(q.rest) == 0 {
		return nil
	}
	return fmt.Errorf("ffmpeg made %d frames at %d Hz; want %d: %w", q.frames, r.rate, r.frames, io.ErrUnexpectedEOF)
}
