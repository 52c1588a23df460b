//go:build unix

package spool

import "golang.org/x/sys/unix"

// writable asks the kernel rather than comparing owner and mode: only the kernel knows about
// access lists, read-only mounts and what a file server allows.
func writable(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }
