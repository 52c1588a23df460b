//go:build !linux

package main

import "errors"

// walk is for Linux, as is what it is compared with.
func walk(string) error { return errors.ErrUnsupported }
