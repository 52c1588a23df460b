//go:build unix

package probe

import "syscall"

// nonBlocking opens a named pipe, which somebody put in a file's place, without waiting for who writes to it.
const nonBlocking = syscall.O_NONBLOCK
