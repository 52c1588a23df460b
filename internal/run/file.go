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
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrNoFile}
	}
	text, err := io.ReadAll(io.LimitReader(f, MostFile+1))
	if err == nil && len(text) > MostFile {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrTooLong}
	}
	return text, err
}

// Readable returns the error that ReadFile would have for what is there, without reading it. What is not there is no error.
func Readable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "read", Path: path, Err: ErrNoFile}
	case info.Size() > MostFile:
		return &fs.PathError{Op: "read", Path: path, Err: ErrTooLong}
	}
	return nil
}
