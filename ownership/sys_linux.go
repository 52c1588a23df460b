package ownership

import (
	"errors"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// features are the newer system calls that this kernel has and that the seccomp profile
// of this process lets through. Each has a fallback.
type features struct {
	openat2   bool // Linux 5.6; without it: openat of one name with O_NOFOLLOW
	statx     bool // Linux 4.11; without it: fstatat
	fchmodat2 bool // Linux 6.6; without it: chmod of /proc/self/fd/N
	listAt    bool // listxattrat, Linux 6.13; without it: llistxattr of /proc/self/fd/N/NAME, which takes three times as long
	proc      bool // /proc is mounted; without it: open for reading, compare, fchmod
	protected bool // see linksProtected; without it: worker.certain
	waits     int  // see worker.settle
	deaf      bool // for tests: a file system that takes owners and modes without effect, as vfat with "quiet"
}

// probe asks for each call once, with a descriptor that cannot be: EBADF means that the
// call exists. A missing one says ENOSYS, or EPERM under seccomp profiles that are older
// than the call (systemd issue 30250, crun pull request 546).
func probe() features {
	there := func(errno unix.Errno) bool { return errno != unix.ENOSYS && errno != unix.EPERM }
	_, err := unix.Openat2(-1, ".", &unix.OpenHow{Flags: unix.O_PATH})
	f := features{openat2: there(number(err)), proc: true, protected: linksProtected(), waits: maxWaits}
	f.statx = there(number(unix.Statx(-1, ".", 0, unix.STATX_MODE, &unix.Statx_t{})))
	f.fchmodat2 = there((&sys{}).fchmodat2Empty(-1, 0))
	_, errno := (&sys{list: make([]byte, listSize)}).listNames(-1, []byte{'.', 0}, 0)
	f.listAt = there(errno)
	return f
}

const (
	// inside keeps every path inside of the folder and the mount that it starts from.
	inside = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV
	// asFolder opens a folder for reading without leaving a trace in its access time.
	asFolder = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NOATIME
	// asPin opens a descriptor that only names an entry: nothing of it is read, and no
	// driver or peer notices (O_PATH in open(2)). A symbolic link is pinned itself.
	asPin = unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
	// wanted is what is asked of an entry. With the change time, a kernel from 6.13 gives
	// the next change a time of its own (multigrain timestamps).
	wanted = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_UID | unix.STATX_GID | unix.STATX_NLINK | unix.STATX_INO | unix.STATX_CTIME
)

// sys is how one goroutine speaks to the kernel. Names are NUL-terminated bytes, as
// getdents64(2) returns them, so that nothing is allocated for an entry.
type sys struct {
	features
	resolve uint64 // how paths are kept inside
	how     unix.OpenHow
	empty   [1]byte // "" for AT_EMPTY_PATH
	self    int     // /proc/self/fd; only valid with features.proc
	link    []byte  // for reading links there
	path    []byte  // see rightsAt
	list    []byte  // see readRights
}

// newSys returns the way of a first goroutine; those of others are copies of it. Its
// owner closes self.
func newSys(f features) *sys {
	s := &sys{features: f, resolve: inside, self: -1}
	if !f.proc {
		return s
	}
	fd, err := unix.Open("/proc/self/fd", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	var fs unix.Statfs_t
	if err == nil {
		err = unix.Fstatfs(fd, &fs)
	}
	// Something else mounted there would turn a change of mode into a change elsewhere.
	if err != nil || fs.Type != unix.PROC_SUPER_MAGIC {
		s.proc = false
		s.close(fd)
		return s
	}
	s.self = fd
	return s
}

func (*sys) close(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd) // nothing was written through it
	}
}

// lookAt fills st with what name in dir is now, links not followed.
func (s *sys) lookAt(dir int, name []byte, st *unix.Statx_t) unix.Errno {
	const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	for {
		var errno unix.Errno
		if s.statx {
			_, _, errno = unix.Syscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(&name[0])), // the name lies in the buffer that the kernel filled
				flags, wanted, uintptr(unsafe.Pointer(st)), 0) // a type of x/sys/unix with the kernel's layout
		} else {
			errno = fstatat(dir, unix.ByteSliceToString(name), st, flags)
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

// look fills st with what fd is open on, or pinned to.
func (s *sys) look(fd int, st *unix.Statx_t) unix.Errno {
	for {
		var errno unix.Errno
		if s.statx {
			_, _, errno = unix.Syscall6(unix.SYS_STATX, uintptr(fd), uintptr(unsafe.Pointer(&s.empty[0])), // one NUL byte
				unix.AT_EMPTY_PATH, wanted, uintptr(unsafe.Pointer(st)), 0) // a type of x/sys/unix with the kernel's layout
		} else {
			errno = fstatat(fd, "", st, unix.AT_EMPTY_PATH)
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

// fstatat fills a Statx_t from the older call, which knows no attributes.
func fstatat(dir int, name string, st *unix.Statx_t, flags int) unix.Errno {
	var old unix.Stat_t
	if err := unix.Fstatat(dir, name, &old, flags); err != nil {
		return number(err)
	}
	*st = unix.Statx_t{
		Mask: wanted, Mode: uint16(old.Mode), Uid: old.Uid, Gid: old.Gid, Nlink: uint32(old.Nlink), Ino: old.Ino, // as the kernel itself cuts them for statx
		Dev_major: unix.Major(uint64(old.Dev)), Dev_minor: unix.Minor(uint64(old.Dev)), //nolint:unconvert,nolintlint // narrower on some processors
	}
	sec, nsec := old.Ctim.Unix()
	st.Ctime = unix.StatxTimestamp{Sec: sec, Nsec: uint32(nsec)} // below 1e9
	return 0
}

// openFolder opens the folder name in dir. A path of several names is only resolved as a
// whole where there is openat2.
func (s *sys) openFolder(dir int, name []byte) (int, unix.Errno) {
	fd, errno := s.open(dir, name, asFolder)
	if errno == unix.EPERM { // O_NOATIME is for owners and root only (open(2))
		fd, errno = s.open(dir, name, asFolder&^unix.O_NOATIME)
	}
	return fd, errno
}

// pin opens name in dir as itself, whatever it is.
func (s *sys) pin(dir int, name []byte) (int, unix.Errno) {
	return s.open(dir, name, asPin)
}

func (s *sys) open(dir int, name []byte, flags uint64) (int, unix.Errno) {
	// openat2 gives EAGAIN where somebody renamed something meanwhile and it cannot be
	// sure to have stayed beneath; filepath-securejoin's 128 tries are enough for it. EXDEV
	// is a mount, but also what was moved out of the folder just then.
	for try := 0; ; {
		var fd uintptr
		var errno unix.Errno
		if s.openat2 {
			s.how = unix.OpenHow{Flags: flags, Resolve: s.resolve}
			fd, _, errno = unix.Syscall6(unix.SYS_OPENAT2, uintptr(dir), uintptr(unsafe.Pointer(&name[0])), // NUL-terminated by contract
				uintptr(unsafe.Pointer(&s.how)), unix.SizeofOpenHow, 0, 0) // a type of x/sys/unix with the kernel's layout
		} else {
			fd, _, errno = unix.Syscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&name[0])), // NUL-terminated by contract
				uintptr(flags|unix.O_LARGEFILE), 0, 0, 0)
		}
		switch {
		case errno == 0:
			return int(fd), 0
		case errno == unix.EINTR:
		case errno == unix.EAGAIN && try < 128, errno == unix.EXDEV && s.openat2 && try < 4:
			try++
		default:
			return -1, errno
		}
	}
}

// chown gives what fd is open on, or pinned to, its owner. The kernel clears the
// set-user-ID and set-group-ID bits and the capabilities of a file in the same call.
func (s *sys) chown(fd int, o Owner) unix.Errno {
	if s.deaf {
		return 0
	}
	_, _, errno := unix.Syscall6(unix.SYS_FCHOWNAT, uintptr(fd), uintptr(unsafe.Pointer(&s.empty[0])), // one NUL byte
		uintptr(o.UID), uintptr(o.GID), unix.AT_EMPTY_PATH, 0)
	return errno
}

// chmod gives the file or folder that fd is pinned to its mode. It must not be called for
// a symbolic link: the detour over /proc would follow it. st is what fd was seen to be.
// EBUSY says that it was replaced meanwhile, where that matters.
func (s *sys) chmod(fd int, mode uint32, dir int, name []byte, st *unix.Statx_t) unix.Errno {
	if isFolder(st) {
		if err := unix.Fchmod(fd, mode); err != unix.EBADF {
			return number(err)
		}
	}
	if s.fchmodat2 {
		return s.fchmodat2Empty(fd, mode)
	}
	if s.proc {
		return number(unix.Fchmodat(s.self, strconv.Itoa(fd), mode, 0))
	}
	if len(name) == 0 { // a folder that could only be pinned, since it may not be read
		return unix.EACCES
	}
	open, errno := s.open(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC)
	if errno != 0 {
		if errno == unix.EACCES {
			return errno
		}
		return unix.EBUSY // it was there when it was pinned
	}
	defer s.close(open)
	var now unix.Statx_t
	if errno := s.look(open, &now); errno != 0 {
		return errno
	}
	if identify(&now).inode != identify(st).inode {
		return unix.EBUSY
	}
	return number(unix.Fchmod(open, mode))
}

func (s *sys) fchmodat2Empty(fd int, mode uint32) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_FCHMODAT2, uintptr(fd), uintptr(unsafe.Pointer(&s.empty[0])), // one NUL byte
		uintptr(mode), unix.AT_EMPTY_PATH, 0, 0)
	return errno
}

// fence waits until nobody is in the middle of unlinking or renaming name in dir, without
// changing anything: renaming a name onto itself must fail, with EEXIST or, where it is
// gone, ENOENT, but the kernel finds out under the same lock of the folder that
// an unlink holds until the name is really gone. False if that did not come about.
func (s *sys) fence(dir int, name []byte) bool {
	_, _, errno := unix.Syscall6(unix.SYS_RENAMEAT2, uintptr(dir), uintptr(unsafe.Pointer(&name[0])), // NUL-terminated by contract
		uintptr(dir), uintptr(unsafe.Pointer(&name[0])), unix.RENAME_NOREPLACE, 0) // the same name
	return errno == unix.EEXIST || errno == unix.ENOENT
}

// still reports whether the entry that fd is pinned to is still called name, as the
// kernel knows it: the path of one that was unlinked ends in " (deleted)" (proc(5)).
func (s *sys) still(fd, dir int, name []byte, id identity, st *unix.Statx_t) bool {
	text := unix.ByteSliceToString(name)
	if s.proc {
		if s.link == nil {
			s.link = make([]byte, unix.PathMax)
		}
		n, err := unix.Readlinkat(s.self, strconv.Itoa(fd), s.link)
		if err == nil {
			return n < len(s.link) && strings.HasSuffix(string(s.link[:n]), "/"+text)
		}
	}
	// No /proc, or a path longer than a page (ENAMETOOLONG): is it still there?
	return s.lookAt(dir, name, st) == 0 && identify(st) == id
}

// number is the error number in what x/sys/unix returns.
func number(err error) unix.Errno {
	if err == nil {
		return 0
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return unix.EIO
}
