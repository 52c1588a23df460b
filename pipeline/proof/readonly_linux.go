package proof

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// readOnly reports whether nothing can be written to the mount of path. The kernel says so, whoever may write there.
func readOnly(path string) (bool, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(path, &st)
		if err == unix.EINTR { //nolint:errorlint // as the kernel returned it
			continue
		}
		if err != nil {
			return false, fmt.Errorf("looking at the mount of %s: %w", path, err)
		}
		return st.Flags&unix.ST_RDONLY != 0, nil
	}
}
