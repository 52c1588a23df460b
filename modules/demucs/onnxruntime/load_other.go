//go:build !unix

package onnxruntime

import (
	"errors"
	"fmt"
)

// entry fails: the service runs in Linux containers, and is compiled elsewhere for its tests alone.
func entry(path, _ string) (uintptr, error) {
	return 0, fmt.Errorf("%w: loading %q: %w", ErrLibrary, path, errors.ErrUnsupported)
}
