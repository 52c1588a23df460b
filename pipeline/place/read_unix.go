//go:build unix

package place

import (
	"os"
	"syscall"
)

// readFlags open what should be a regular file: a link in its place is an error, and a FIFO opens
// at once.
const readFlags = os.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
