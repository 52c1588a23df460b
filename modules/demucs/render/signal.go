package render

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

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
