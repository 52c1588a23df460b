//go:build !linux

package place

import (
	"io/fs"
	"os"
	"time"
)

// The services run on Linux alone; elsewhere paths are used as they are.

func at(path string, do func(path string) error) error { return do(path) }

func in(dir string, do func(dir string) error) error { return do(dir) }

func openFile(path string, flags int, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flags, mode)
}

func chmod(path string, mode fs.FileMode) error { return os.Chmod(path, mode) }

func touch(path string, now time.Time) error { return os.Chtimes(path, now, now) }

func between(oldPath, newPath string, do func(oldPath, newPath string) error) error {
	return do(oldPath, newPath)
}
