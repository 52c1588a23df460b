//go:build !linux

package place

import "errors"

// renameExclusive is for Linux: elsewhere Rename works with plain rename and mkdir.
func renameExclusive(string, string) error { return errors.ErrUnsupported }

func exclusiveUnsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
