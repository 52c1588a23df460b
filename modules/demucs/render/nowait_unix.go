//go:build unix

package render

import "syscall"

// noWait opens a FIFO at once.
const noWait = syscall.O_NONBLOCK
