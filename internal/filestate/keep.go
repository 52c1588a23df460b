package filestate

import (
	"os"
	"path/filepath"
)

// Keep writes a file of what is remembered, whole or not at all as far as other processes see.
// It does not wait for the disk, which would take longer than what is remembered saves: what a
// power failure takes or damages is found out again by who reads it.
func Keep(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
