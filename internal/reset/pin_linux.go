package reset

import (
	"fmt"
	"os"
	"syscall"
)

// pin returns a path that names the folder below data, and goes on naming it until it is
// released. Through a link in data it cannot lead out of data, not even one that is put
// there meanwhile: os.Root resolves it, and the path returned is that descriptor's.
func pin(data, below string) (path string, release func(), err error) {
	if below == "." {
		return data, func() {}, nil
	}
	root, err := os.OpenRoot(data)
	if err != nil {
		return "", nil, err
	}
	defer root.Close() //nolint:errcheck // only read
	folder, err := root.OpenFile(below, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return "", nil, err
	}
	// The dot, since what opens it need not follow the link that the number is.
	return fmt.Sprintf("/proc/self/fd/%d/.", folder.Fd()), func() { _ = folder.Close() }, nil
}
