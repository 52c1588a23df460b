//go:build !unix

package place

// syncFolder does nothing: the services run on Linux only, and other systems need this
// package just to compile.
func syncFolder(string) error { return nil }
