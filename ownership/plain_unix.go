//go:build unix && !linux

package ownership

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// errReplaced is returned when an entry was replaced while it was being set.
var errReplaced = errors.New("it was replaced by something else meanwhile")

// changes says what an entry needed.
type changes struct{ owner, mode bool }

// ownersMapped says that the engine's virtual machine shows files of this machine as
// whoever looks at them, as on macOS: giving them away would take root, and would only
// take them from the user.
const ownersMapped = runtime.GOOS == "darwin"

// set gives one entry its owner and, for folders and regular files, its mode; with dry
// it only says what would be changed. info is the entry's own (Lstat). The owner comes
// first: the kernel clears the set-user-ID bits in chown(2), so that no moment exists
// in which such a file belongs to its new owner.
func set(r *os.Root, name string, info fs.FileInfo, w want, dry bool) (changes, error) {
	var c changes
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return c, errors.ErrUnsupported
	}
	if !ownersMapped && (stat.Uid != w.owner.UID || stat.Gid != w.owner.GID) {
		if !dry {
			if err := r.Lchown(name, int(w.owner.UID), int(w.owner.GID)); err != nil {
				return c, err
			}
		}
		c.owner = true
	}
	want, has := w.modeOf(info)
	if !has || info.Mode()&modeBits == want {
		return c, nil
	}
	if !dry {
		if err := chmod(r, name, info, want); err != nil {
			return c, err
		}
	}
	c.mode = true
	return c, nil
}

// modeBits are the bits that are set: permissions, set-ID and sticky.
const modeBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// modeOf is the mode that an entry needs, if it needs one.
func (w want) modeOf(info fs.FileInfo) (fs.FileMode, bool) {
	switch {
	case info.IsDir():
		// A set-group-ID folder stays one, as with GNU chmod 755.
		return w.folder | info.Mode()&fs.ModeSetgid, true
	case info.Mode().IsRegular():
		return w.file, true
	default: // links have none; devices, pipes and sockets are not data
		return 0, false
	}
}

// chmod sets the mode through a descriptor of the very entry that was looked at. By
// name, a link put in its place would lead the change elsewhere.
func chmod(r *os.Root, name string, info fs.FileInfo, want fs.FileMode) error {
	f, err := r.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrPermission) && !info.IsDir() {
		// The owner may chmod a file that it may not read; inside of the root a link
		// could only lead to what is reset anyway.
		return r.Chmod(name, want)
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written through it
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, opened) {
		return errReplaced
	}
	return f.Chmod(want)
}
