package ownership

import (
	"time"

	"golang.org/x/sys/unix"
)

// inode is which file, folder or other thing something is.
type inode struct{ dev, ino uint64 }

// identity is an inode in one state: every link, unlink, rename or change of it gives it
// another change time, as long as the one seen is settled.
type identity struct {
	inode
	sec         int64
	nsec, nlink uint32
}

func identify(st *unix.Statx_t) identity {
	return identity{
		inode: inode{dev: uint64(st.Dev_major)<<32 | uint64(st.Dev_minor), ino: st.Ino},
		sec:   st.Ctime.Sec, nsec: st.Ctime.Nsec, nlink: st.Nlink,
	}
}

// settled reports whether a change after now would be given another change time than id
// has. It is the "racily clean" rule of Git's index: up to Linux 6.12, and on some file
// systems after that, the time only moves on with the timer tick, at most 10 ms, and on
// those with 128-byte ext inodes once a second. Two states of an inode that look the same
// may then differ, unless the time they share had passed before the first was seen.
func (id identity) settled(now time.Time, local bool) bool {
	return id.unsettled(now, local) <= 0
}

// unsettled is how long to wait from now until id is settled.
func (id identity) unsettled(now time.Time, local bool) time.Duration {
	after := 50 * time.Millisecond
	if !local || id.nsec == 0 { // another machine's clock, or whole seconds
		after = longestWait
	}
	return after - now.Sub(time.Unix(id.sec, int64(id.nsec)))
}

// longestWait is how long it can take until a change time is settled.
const longestWait = 3 * time.Second

// hasLocalTimes reports whether the file system of fd stamps changes with this machine's
// clock and knows of every change, since nobody else can make one.
func hasLocalTimes(fd int) bool {
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil {
		return false
	}
	switch uint32(fs.Type) { // magic numbers of 32 bits, sign-extended on some processors
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC:
		return true
	default:
		return false
	}
}

// need is what an entry must be given.
type need struct {
	owner, mode bool
	rights      rights // to be removed
}

func (n need) nothing() bool { return n == need{} }

// modeBits are the bits of a mode that are set: permissions, set-ID and sticky.
const modeBits = 0o7777

// modeOf is the mode that an entry needs, if it needs one: links have none, and pipes, sockets and
// devices are not data. A set-group-ID folder stays one, as with GNU chmod 755.
func (w want) modeOf(mode uint16) (uint32, bool) {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return uint32(w.folder) | uint32(mode)&unix.S_ISGID, true
	case unix.S_IFREG:
		return uint32(w.file), true
	default:
		return 0, false
	}
}

// needs compares an entry with what it must be. Nearly all of the time outside of the kernel is
// spent here.
func (w want) needs(st *unix.Statx_t) need {
	n := need{owner: st.Uid != w.owner.UID || st.Gid != w.owner.GID}
	if mode, has := w.modeOf(st.Mode); has {
		n.mode = uint32(st.Mode)&modeBits != mode
	}
	return n
}

// skipped says whether an entry that needs something is skipped, and why.
func skipped(st *unix.Statx_t) (Skip, string) {
	has := st.Attributes & st.Attributes_mask
	format := st.Mode & unix.S_IFMT
	switch {
	case format == unix.S_IFCHR || format == unix.S_IFBLK:
		return SkipDevice, "it is a device: its owner may use the device"
	case has&unix.STATX_ATTR_IMMUTABLE != 0:
		return SkipImmutable, "it is immutable (see lsattr); \"chattr -i\" ends that"
	case has&unix.STATX_ATTR_APPEND != 0:
		return SkipAppendOnly, "it is append-only (see lsattr); \"chattr -a\" ends that"
	default:
		return "", ""
	}
}

func isFolder(st *unix.Statx_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR }

// isMount reports whether st is the root of a mount: seen by its attribute (Linux 5.8),
// or else by another device number than that of the folder it is in, which tells nothing
// of a bind mount within one file system. Only openat2 makes this needless.
func isMount(st *unix.Statx_t, parent uint64) bool {
	if st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
	}
	return identify(st).dev != parent
}
