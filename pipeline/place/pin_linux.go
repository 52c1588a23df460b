package place

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// pinned opens a folder. A link anywhere in its path is an error (ELOOP): whoever exchanges a folder of the data folder for a
// link does not lead anybody out of it.
func pinned(dir string) (fd int, err error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	fd, err = ignoringEINTR(func() (int, error) { return unix.Openat2(unix.AT_FDCWD, dir, &how) })
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // kernels before 5.6, and some filters of system calls
		fd, err = ignoringEINTR(func() (int, error) { return unix.Open(dir, int(how.Flags)|unix.O_NOFOLLOW, 0) })
	}
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	return fd, nil
}

// descriptors are the open files of this process, as paths.
const descriptors = "/proc/self/fd/"

// within is the path of an entry of a pinned folder; "" is the folder itself.
func within(fd int, name string) string { return descriptors + strconv.Itoa(fd) + "/" + name }

// at calls do with a path for the entry at path that no link in it can lead elsewhere. The last name is do's.
func at(path string, do func(path string) error) error {
	if path == "" {
		return do(path)
	}
	fd, err := pinned(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return named(do(within(fd, filepath.Base(path))), path, "")
}

// in is at for what do does in the folder dir.
func in(dir string, do func(dir string) error) error {
	fd, err := pinned(dir)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return named(do(within(fd, "")), dir, "")
}

func openFile(path string, flags int, mode fs.FileMode) (*os.File, error) {
	folder, err := pinned(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(folder) }()
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Openat(folder, filepath.Base(path), flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(mode.Perm()))
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// chmod changes no link, and nothing that a link leads to.
func chmod(path string, mode fs.FileMode) error {
	fd, err := ignoringEINTR(func() (int, error) { return unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) })
	if err != nil {
		return &fs.PathError{Op: "chmod", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	return os.Chmod(descriptors+strconv.Itoa(fd), mode)
}

// touch changes no link either.
func touch(path string, now time.Time) error {
	t := unix.NsecToTimespec(now.UnixNano())
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "touch", Path: path, Err: err}
	}
	return nil
}

// between is at for two paths.
func between(oldPath, newPath string, do func(oldPath, newPath string) error) error {
	return at(oldPath, func(from string) error {
		if filepath.Dir(oldPath) == filepath.Dir(newPath) {
			return named(do(from, filepath.Join(filepath.Dir(from), filepath.Base(newPath))), oldPath, newPath)
		}
		return at(newPath, func(to string) error { return named(do(from, to), oldPath, newPath) })
	})
}

// named gives an error the paths that the caller knows.
func named(err error, path, newPath string) error {
	switch e := err.(type) { //nolint:errorlint // as the os package returned it; what was wrapped names its own paths
	case *fs.PathError:
		if strings.HasPrefix(e.Path, descriptors) {
			return &fs.PathError{Op: e.Op, Path: path, Err: e.Err}
		}
	case *os.LinkError:
		if strings.HasPrefix(e.Old, descriptors) {
			return &os.LinkError{Op: e.Op, Old: path, New: newPath, Err: e.Err}
		}
	}
	return err
}
