package run

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// MostFile is the most that ReadFile reads: no file that people write for a tool has more.
const MostFile = 16 << 20

// ErrNoFile is returned for what is not a regular file: a program that opens a FIFO waits for ever, and a device may have no
// end.
var ErrNoFile = errors.New("it is no regular file")

// ErrTooLong is returned for what has more than MostFile.
var ErrTooLong = fmt.Errorf("it has more than %d MiB", MostFile>>20)

// ReadFile reads a file of text that people wrote. A link is followed. The error says when it is no regular file, or has more
// than MostFile.
func ReadFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO opens at once
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err == nil {
		err = readable(path, info)
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, MostFile+1))
	if err == nil && len(text) > MostFile { // it has grown, or its size is unknown, as in /proc
		err = tooLong(path)
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// Readable returns the error that ReadFile would have for what is there, without reading it. What is not there is no error.
func Readable(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return readable(path, info)
}

func readable(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "read", Path: path, Err: ErrNoFile}
	case info.Size() > MostFile:
		return tooLong(path)
	}
	return nil
}

func tooLong(path string) error { return &fs.PathError{Op: "read", Path: path, Err: ErrTooLong} }
