//go:build !linux && !darwin

package filestate

// Which is for Linux and macOS.
func Which(string) string { return "" }
