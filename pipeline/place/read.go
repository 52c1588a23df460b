package place

import (
	"fmt"
	"os"

	"github.com/im2-audio/im2/pipeline/job"
)

// Open opens a regular file for reading. A link is not followed, and a FIFO not waited for.
func Open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, readFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("reading %q: %w", path, job.ErrNotFile)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, readFlags, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	data, err := job.Read(f)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	return data, nil
}
