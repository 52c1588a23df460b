//go:build unix

package onnxruntime

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// entry loads the shared library at path and returns where a function of it is.
func entry(path, function string) (uintptr, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return 0, fmt.Errorf("%w: loading %q: %w", ErrLibrary, path, err)
	}
	address, err := purego.Dlsym(handle, function)
	if err != nil {
		return 0, fmt.Errorf("%w: %q has no %s: %w", ErrLibrary, path, function, err)
	}
	return address, nil
}
