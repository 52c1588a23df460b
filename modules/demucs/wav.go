package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/im2-audio/im2/modules/internal/place"
)

// The format of every mix: what Demucs was trained on, in samples that cannot clip.
const (
	mixRate      = 44100
	mixChannels  = 2
	mixFrameSize = mixChannels * 4
	wavHeader    = 44
	wavFloat     = 3 // the number of IEEE samples in a WAV file
)

// errNotWAV is returned when a file is not a WAV file that can be understood.
var errNotWAV = errors.New("not a WAV file")

// A mixFile is a WAV file with float samples that is being written. Its header is written
// last, when the length is known. (That ffmpeg writes float samples with another kind of
// header, which the onnx engine cannot read, is why it does not write the file itself.)
//
// Samples beyond most are counted and dropped: a track that is too long takes no more room than
// the longest that is not, and people are told how long it is.
type mixFile struct {
	file *os.File
	buf  *bufio.Writer
	// size is how many bytes of samples came, kept how many of them are in the file, and most
	// how many may be.
	size, kept, most int64
	// err is the first error of writing.
	err error
}

// createMix begins a mix of at most so many frames.
func createMix(path string, most int64) (*mixFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, place.FileMode) //nolint:gosec // G304: the path is in the job's own folder.
	if err != nil {
		return nil, fmt.Errorf("writing the mix: %w", err)
	}
	m := &mixFile{file: f, buf: bufio.NewWriterSize(f, 1<<20), most: most * mixFrameSize}
	_, m.err = m.buf.Write(make([]byte, wavHeader))
	return m, nil
}

// Write appends raw samples: little-endian, 32-bit float, interleaved.
func (m *mixFile) Write(p []byte) (int, error) {
	n, err := m.buf.Write(p[:min(int64(len(p)), m.most-m.kept)])
	m.kept += int64(n)
	if m.err == nil {
		m.err = err
	}
	if err != nil {
		return n, err
	}
	m.size += int64(len(p))
	return len(p), nil
}

// frames is how many samples each channel got so far, in the file or not.
func (m *mixFile) frames() int64 { return m.size / mixFrameSize }

// close writes the header and ends the file. It returns the first error of all.
func (m *mixFile) close() error {
	err := errors.Join(m.err, m.buf.Flush())
	if err == nil {
		_, err = m.file.WriteAt(mixHeader(m.kept), 0)
	}
	if err := errors.Join(err, m.file.Close()); err != nil {
		return fmt.Errorf("writing the mix: %w", err)
	}
	return nil
}

func mixHeader(size int64) []byte {
	u32 := func(n int64) uint32 { return uint32(n) } //nolint:gosec // G115: longestMix keeps the size below 2 GiB.
	h := make([]byte, 0, wavHeader)
	h = append(h, "RIFF"...)
	h = binary.LittleEndian.AppendUint32(h, u32(wavHeader-8+size))
	h = append(h, "WAVEfmt "...)
	h = binary.LittleEndian.AppendUint32(h, 16)
	h = binary.LittleEndian.AppendUint16(h, wavFloat)
	h = binary.LittleEndian.AppendUint16(h, mixChannels)
	h = binary.LittleEndian.AppendUint32(h, mixRate)
	h = binary.LittleEndian.AppendUint32(h, mixRate*mixFrameSize)
	h = binary.LittleEndian.AppendUint16(h, mixFrameSize)
	h = binary.LittleEndian.AppendUint16(h, 32)
	h = append(h, "data"...)
	return binary.LittleEndian.AppendUint32(h, u32(size))
}

// A wavInfo is what the header of a WAV file says.
type wavInfo struct {
	channels int
	rate     int
	// frames is how many samples each channel has, all of which are in the file.
	frames int64
}

// readWAV reads the header of a WAV file and makes sure that the file is as long as it says.
func readWAV(path string) (wavInfo, error) {
	f, err := os.Open(path) //nolint:gosec // G304: the path is in the job's own folder.
	if err != nil {
		return wavInfo{}, fmt.Errorf("reading a WAV file: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return wavInfo{}, fmt.Errorf("reading a WAV file: %w", err)
	}
	w, err := parseWAV(f, info.Size())
	if err != nil {
		return wavInfo{}, fmt.Errorf("reading %q: %w", path, err)
	}
	return w, nil
}

func parseWAV(r io.ReaderAt, size int64) (wavInfo, error) {
	head := make([]byte, 12)
	if _, err := r.ReadAt(head, 0); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return wavInfo{}, errNotWAV
	}
	var w wavInfo
	frameSize := int64(0)
	for at := int64(12); ; {
		chunk := make([]byte, 8)
		if _, err := r.ReadAt(chunk, at); err != nil {
			return wavInfo{}, fmt.Errorf("%w: it has no samples", errNotWAV)
		}
		length := int64(binary.LittleEndian.Uint32(chunk[4:]))
		at += int64(len(chunk))
		switch string(chunk[:4]) {
		case "fmt ":
			format := make([]byte, 16)
			if _, err := r.ReadAt(format, at); err != nil {
				return wavInfo{}, fmt.Errorf("%w: it has no format", errNotWAV)
			}
			w.channels = int(binary.LittleEndian.Uint16(format[2:]))
			w.rate = int(binary.LittleEndian.Uint32(format[4:]))
			frameSize = int64(binary.LittleEndian.Uint16(format[12:]))
		case "data":
			if frameSize == 0 || at+length > size {
				return wavInfo{}, fmt.Errorf("%w: it is shorter than it says", errNotWAV)
			}
			w.frames = length / frameSize
			return w, nil
		}
		at += length + length%2
	}
}
