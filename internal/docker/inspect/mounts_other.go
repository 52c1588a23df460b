//go:build !linux

package inspect

import "errors"

// Replaced is for Linux.
func (c Container) Replaced(string) ([]Mount, error) { return nil, errors.ErrUnsupported }
