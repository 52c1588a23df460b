//go:build !unix

package spool

// writable is not asked where no service runs; writing itself reports what is wrong.
func writable(string) error { return nil }
