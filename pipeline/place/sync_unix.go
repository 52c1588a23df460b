//go:build unix

package place

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncFolder goes without the os package, which would ask the kernel five things more about a
// folder that is open for one call: this is most of what the spool does.
func syncFolder(dir string) (err error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	if _, err = ignoringEINTR(func() (int, error) { return 0, unix.Fsync(fd) }); err != nil {
		return &os.PathError{Op: "sync", Path: dir, Err: err}
	}
	return nil
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR { //nolint:errorlint // The kernel's own numbers are not wrapped.
			return n, err
		}
	}
}
