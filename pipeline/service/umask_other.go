//go:build !unix

package service

// setUmask does nothing: there are no modes to mask.
func setUmask() {}
