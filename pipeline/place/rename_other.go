//go:build !linux

package place

import "errors"

// renameExclusive is not used outside Linux, where the services run: Rename takes the way
// that needs nothing but rename and mkdir.
func renameExclusive(string, string) error { return errors.ErrUnsupported }

func exclusiveUnsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
