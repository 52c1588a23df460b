package separator

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/pipeline/place"
)

// frameSize is how many bytes a frame takes: two 32-bit samples.
const frameSize = 8

// readAtOnce is how many frames are read at once.
const readAtOnce = 8192

// A mix is the song in a file.
type mix struct {
	file   *os.File
	frames int64
	buf    [readAtOnce * frameSize]byte
}

func openMix(path string, frames int64) (*mix, error) {
	f, err := place.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the mix: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size()%frameSize != 0 {
		err = errors.New("its last frame is incomplete")
	}
	if err == nil && info.Size()/frameSize != frames {
		err = fmt.Errorf("it has %d frames, not %d", info.Size()/frameSize, frames)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("reading the mix: %w", err)
	}
	return &mix{file: f, frames: frames}, nil
}

func (m *mix) close() { _ = m.file.Close() } // It was only read.

// Frames is the length of the song.
func (m *mix) Frames() int64 { return m.frames }

// ReadFrames fills left and right with the frames from at on.
func (m *mix) ReadFrames(left, right []float32, at int64) error {
	for len(left) > 0 {
		n := min(len(left), readAtOnce)
		data := m.buf[:n*frameSize]
		if _, err := m.file.ReadAt(data, at*frameSize); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // It was as long when it was opened.
			}
			return err
		}
		for i := range n {
			left[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[i*frameSize:]))
			right[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[i*frameSize+4:]))
		}
		left, right, at = left[n:], right[n:], at+int64(n)
	}
	return nil
}

// stems are the files of all stems.
type stems struct {
	files   []*os.File
	writers []*bufio.Writer
}

func createStems(folder string, names []string) (*stems, error) {
	s := &stems{}
	for _, name := range names {
		f, err := place.Create(filepath.Join(folder, name+Extension))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("writing the stems: %w", err), s.close())
		}
		s.files = append(s.files, f)
		s.writers = append(s.writers, bufio.NewWriterSize(f, 64<<10))
	}
	return s, nil
}

// WriteFrames appends frames to a stem.
func (s *stems) WriteFrames(stem int, left, right []float32) error {
	w := s.writers[stem]
	for i := range left {
		var frame [frameSize]byte
		binary.LittleEndian.PutUint32(frame[:4], math.Float32bits(left[i]))
		binary.LittleEndian.PutUint32(frame[4:], math.Float32bits(right[i]))
		if _, err := w.Write(frame[:]); err != nil {
			return err
		}
	}
	return nil
}

func (s *stems) close() error {
	var errs []error
	for i, f := range s.files {
		errs = append(errs, s.writers[i].Flush(), f.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("writing the stems: %w", err)
	}
	return nil
}
