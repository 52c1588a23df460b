package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// errNotWAV is returned when a file is not a WAV file that can be understood.
var errNotWAV = errors.New("not a WAV file")

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
