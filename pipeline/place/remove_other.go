//go:build !linux

package place

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

func (osDisk) RemoveAll(path string) error {
	parent, err := os.OpenRoot(filepath.Dir(path) + "/.")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = parent.Close() }() // It was only read.
	return parent.RemoveAll(filepath.Base(path))
}

// RemoveAllIn is RemoveAll for the entry name of root.
func RemoveAllIn(root *os.Root, name string) error { return root.RemoveAll(name) }
