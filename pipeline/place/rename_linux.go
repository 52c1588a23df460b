package place

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameExclusive renames in one system call that fails when newPath exists.
func renameExclusive(oldPath, newPath string) error {
	err := unix.Renameat2(unix.AT_FDCWD, oldPath, unix.AT_FDCWD, newPath, unix.RENAME_NOREPLACE)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldPath, New: newPath, Err: err}
	}
	return nil
}

// exclusiveUnsupported reports that the kernel or the file system (NFS, some FUSE) knows no
// such rename. EINVAL is what file systems say that do not know the flag.
func exclusiveUnsupported(err error) bool {
	return isErrno(err, unix.EINVAL, unix.ENOSYS, unix.ENOTSUP)
}
