//go:build !linux

package proof

import "errors"

// The services run on Linux alone.
func readOnly(string) (bool, error) { return false, errors.ErrUnsupported }
