package place

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// MostRead is how long a file may be that is read whole: many times what a record takes. The
// commands on the host read no more of one, either.
const MostRead = 1 << 20

var (
	// ErrNotFile is returned for what is no regular file.
	ErrNotFile = errors.New("it is not a file")
	// ErrTooLong is returned for a file beyond MostRead.
	ErrTooLong = errors.New("it is longer than 1 MiB")
)

// Open opens a regular file for reading. A link is not followed, and a FIFO not waited for.
func Open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, readFlags, 0) //nolint:gosec // G304: the callers pass paths that they made themselves.
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("reading %q: %w", path, ErrNotFile)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// readFile reads a regular file whole. Of what has no end no more is read than MostRead: whatever lies
// there, a service goes on.
func readFile(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, MostRead+1))
	if err == nil && len(data) > MostRead {
		return nil, fmt.Errorf("reading %q: %w", path, ErrTooLong)
	}
	return data, err
}
