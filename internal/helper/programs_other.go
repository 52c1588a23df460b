//go:build !linux

package helper

// programs is empty: containers are of Linux.
func programs() map[string]program { return nil }
