package ownership

import (
	"bytes"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rights are what a file or folder gives beside its owner and mode (xattr(7)).
type rights struct {
	// caps are file capabilities, which a process gets that runs the file (capabilities(7)).
	caps bool
	// access and preset are access control lists (acl(5)): of the entry, and of a folder for what is made in it.
	access, preset bool
}

func (r rights) any() bool { return r != rights{} }

// The attributes by which they are kept, NUL-terminated as listxattr(2) returns them.
const (
	capsName   = "security.capability\x00"
	accessName = "system.posix_acl_access\x00"
	presetName = "system.posix_acl_default\x00"
)

// listSize is the room for the names of an entry's attributes. Where they need more, each one is asked for.
const listSize = 1024

// hasRights reports whether an entry can have rights: a link has none, and devices, pipes and sockets are not data.
func hasRights(st *unix.Statx_t) bool {
	format := st.Mode & unix.S_IFMT
	return format == unix.S_IFREG || format == unix.S_IFDIR
}

// rightsAt reads the rights of name in dir. The path goes through the open folder, of which nobody can exchange a part,
// and a link as the last name is not followed. It is only read: what gets changed is pinned, and read again then.
func (s *sys) rightsAt(dir int, name []byte) rights {
	if !s.proc {
		return rights{} // They are removed by way of /proc alone.
	}
	if r, ok := s.listed(dir, name, unix.AT_SYMLINK_NOFOLLOW); ok {
		return r
	}
	s.path = append(s.fdPath(dir), '/')
	s.path = append(s.path, name[:bytes.IndexByte(name, 0)+1]...)
	return s.readRights(unix.SYS_LLISTXATTR, unix.SYS_LGETXATTR)
}

// rightsOf reads the rights of what fd is open on, or pinned to: the link in /proc leads to that very inode, which is no
// link itself.
func (s *sys) rightsOf(fd int, st *unix.Statx_t) rights {
	if !s.proc || !hasRights(st) {
		return rights{}
	}
	if r, ok := s.listed(fd, s.empty[:], unix.AT_EMPTY_PATH); ok { // not of a pin
		return r
	}
	s.path = append(s.fdPath(fd), 0)
	return s.readRights(unix.SYS_LISTXATTR, unix.SYS_GETXATTR)
}

// listed reads the rights of name in dir without a way through /proc; false where that does not tell.
func (s *sys) listed(dir int, name []byte, flags uintptr) (rights, bool) {
	if !s.listAt {
		return rights{}, false
	}
	if s.list == nil {
		s.list = make([]byte, listSize)
	}
	n, errno := s.listNames(dir, name, flags)
	if errno == unix.ERANGE || errno == unix.EBADF {
		return rights{}, false
	}
	return rightsIn(s.list[:n]), true
}

// listNames fills s.list with the names of an entry's attributes, and returns their length, 0 beside an error.
func (s *sys) listNames(dir int, name []byte, flags uintptr) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_LISTXATTRAT, uintptr(dir), uintptr(unsafe.Pointer(&name[0])), flags, // NUL-terminated by contract
		uintptr(unsafe.Pointer(&s.list[0])), listSize, 0) // a buffer of that size
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// fdPath is the path of a descriptor; newSys has proved that it is one of procfs.
func (s *sys) fdPath(fd int) []byte {
	return strconv.AppendInt(append(s.path[:0], "/proc/self/fd/"...), int64(fd), 10)
}

// readRights reads the rights of what is at s.path.
func (s *sys) readRights(list, get uintptr) rights {
	if s.list == nil {
		s.list = make([]byte, listSize)
	}
	n, _, errno := unix.Syscall(list, uintptr(unsafe.Pointer(&s.path[0])), uintptr(unsafe.Pointer(&s.list[0])), listSize) // NUL-terminated, and a buffer of that size
	switch {
	case errno == unix.ERANGE:
		return rights{caps: s.hasAttribute(get, capsName), access: s.hasAttribute(get, accessName), preset: s.hasAttribute(get, presetName)}
	case errno != 0:
		return rights{}
	}
	return rightsIn(s.list[:n])
}

// rightsIn are those among the names of attributes. A file system without attributes has none.
func rightsIn(names []byte) (r rights) {
	for len(names) > 0 {
		end := bytes.IndexByte(names, 0) + 1
		if end == 0 {
			break
		}
		switch string(names[:end]) {
		case capsName:
			r.caps = true
		case accessName:
			r.access = true
		case presetName:
			r.preset = true
		}
		names = names[end:]
	}
	return r
}

// hasAttribute reports whether s.path has the attribute; its value is not read.
func (s *sys) hasAttribute(get uintptr, name string) bool {
	_, _, errno := unix.Syscall6(get, uintptr(unsafe.Pointer(&s.path[0])), uintptr(unsafe.Pointer(unsafe.StringData(name))), 0, 0, 0, 0) // both NUL-terminated
	return errno == 0
}

// removeRights removes them from what fd is open on, or pinned to, which rightsOf has read. Giving a file to the owner
// that it has removes its capabilities, which takes no more than that; removing the attribute would take the
// capability SETFCAP.
func (s *sys) removeRights(fd int, r rights, o Owner) unix.Errno {
	if r.caps {
		if errno := s.chown(fd, o); errno != 0 {
			return errno
		}
	}
	for _, one := range []struct {
		has  bool
		name string
	}{{r.access, accessName}, {r.preset, presetName}} {
		if !one.has {
			continue
		}
		path := append(s.fdPath(fd), 0)
		_, _, errno := unix.Syscall(unix.SYS_REMOVEXATTR, uintptr(unsafe.Pointer(&path[0])), uintptr(unsafe.Pointer(unsafe.StringData(one.name))), 0) // both NUL-terminated
		if errno != 0 && errno != unix.ENODATA {
			return errno
		}
	}
	return 0
}
