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

// readFile reads a regular file whole. A link is not followed, a FIFO not waited for, and of
// what has no end no more is read than MostRead: whatever lies there, a service goes on.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, readFlags, 0) //nolint:gosec // G304: the callers pass paths that they made themselves.
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %q: %w", path, ErrNotFile)
	}
	data, err := io.ReadAll(io.LimitReader(f, MostRead+1))
	if err == nil && len(data) > MostRead {
		return nil, fmt.Errorf("reading %q: %w", path, ErrTooLong)
	}
	return data, err
}
