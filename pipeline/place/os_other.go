//go:build !linux

package place

import (
	"errors"
	"os"
	"syscall"
)

// The services run on Linux; other systems compile this package for its names and rules, and for tests.

const readFlags = syscall.O_NONBLOCK

// SetUmask is for Linux.
func SetUmask() {}

// Writable is not asked where no service runs; writing itself reports what is wrong.
func Writable(string) error { return nil }

// MountIn is for Linux.
func MountIn(string, ...string) string { return "" }

func syncFolder(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // It was only read.
	return SyncIn(root, ".")
}

// renameExclusive is for Linux: elsewhere rename works with plain rename and mkdir.
func renameExclusive(string, string) error { return errors.ErrUnsupported }
