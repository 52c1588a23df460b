package ownership

import (
	"fmt"
	"os"
	"syscall"
)

// pinBelow returns a path that names the folder below another one until it is released,
// whatever is put into its place.
func pinBelow(folder, below string) (path string, release func(), err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return "", nil, err
	}
	defer root.Close() //nolint:errcheck // only read
	pinned, err := root.OpenFile(below, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return "", nil, err
	}
	// The dot, since what opens it need not follow the link that the number is.
	return fmt.Sprintf("/proc/self/fd/%d/.", pinned.Fd()), func() { _ = pinned.Close() }, nil
}
