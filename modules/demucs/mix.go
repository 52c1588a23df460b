package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/pipeline/place"
)

// The format of every mix: what Demucs was trained on, in samples that cannot clip. The file has
// no header: left and right in turn, 32-bit float, little endian.
const (
	mixName      = "mix.f32"
	mixRate      = 44100
	mixChannels  = 2
	mixFrameSize = mixChannels * 4
)

// checkRoomEvery is how many bytes of a mix are written between two checks of the room on the disk.
const checkRoomEvery = 256 << 20

// A mixFile is a mix that is being written.
//
// Samples beyond most are counted and dropped: a track that is too long takes no more room than
// the longest that is not, and people are told how long it is.
type mixFile struct {
	file *os.File
	buf  *bufio.Writer
	// size is how many bytes of samples came, kept how many of them are in the file, and most
	// how many may be.
	size, kept, most int64
	// looked is how much was kept when the room on the disk was checked.
	looked int64
	// err is the first error of writing.
	err error
}

func createMix(path string, most int64) (*mixFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, place.FileMode)
	if err != nil {
		return nil, fmt.Errorf("writing the mix: %w", err)
	}
	return &mixFile{file: f, buf: bufio.NewWriterSize(f, 1<<20), most: most * mixFrameSize}, nil
}

// Write appends samples.
func (m *mixFile) Write(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if m.kept-m.looked >= checkRoomEvery {
		m.looked = m.kept
		m.err = place.CheckRoom(filepath.Dir(m.file.Name()), spareRoom)
	}
	var n int
	if m.err == nil {
		n, m.err = m.buf.Write(p[:min(int64(len(p)), m.most-m.kept)])
		m.kept += int64(n)
	}
	if m.err != nil {
		return n, m.err
	}
	m.size += int64(len(p))
	return len(p), nil
}

func (m *mixFile) frames() int64 { return m.size / mixFrameSize }

func (m *mixFile) cut(frames int64) {
	m.size = min(m.size, frames*mixFrameSize)
}

func (m *mixFile) close() error {
	err := errors.Join(m.err, m.buf.Flush())
	if err == nil && m.size < m.kept {
		err = m.file.Truncate(m.size)
	}
	if err := errors.Join(err, m.file.Close()); err != nil {
		return fmt.Errorf("writing the mix: %w", err)
	}
	return nil
}
