package ownership

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/idmap"
)

// path is what a node, or an entry in it, is called relative to the folder.
func (n *node) path(name []byte) string {
	var parts []string
	if name != nil {
		parts = append(parts, unix.ByteSliceToString(name))
	}
	for at := n; at.parent != nil; at = at.parent {
		parts = append(parts, unix.ByteSliceToString(at.name))
	}
	if len(parts) == 0 {
		return "."
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}

func (w *worker) skip(n *node, name []byte, why Skip, reason string) {
	w.report.add(func() string { return n.path(name) }, why, reason)
}

func (w *worker) mount(n *node, name []byte) {
	w.skip(n, name, SkipMount, "something else is mounted there; reset it by itself")
}

// fail records that an entry could not be reached.
func (w *worker) fail(n *node, name []byte, errno unix.Errno) {
	switch errno {
	case unix.ENOENT, unix.ESTALE:
		w.vanished++
	case unix.EXDEV:
		w.mount(n, name)
	default:
		w.skip(n, name, "", errno.Error())
	}
}

const busyReason = "it was replaced or changed again and again while it was looked at"

// refused records that an entry, seen as st, could not be changed.
func (w *worker) refused(n *node, name []byte, errno unix.Errno, st *unix.Statx_t) {
	switch errno {
	case unix.EROFS:
		if !w.closed {
			w.skip(n, name, SkipReadOnly, "it is on a read-only mount or snapshot, and not right")
			return
		}
		w.end(fmt.Errorf("resetting %s: %w, and %q is not right", w.req.Folder, errno, n.path(name)))
	case unix.EBUSY:
		w.skip(n, name, SkipBusy, busyReason)
	case unix.EINVAL, unix.EOVERFLOW:
		w.skip(n, name, "", fmt.Sprintf("%s is not mapped in this user namespace or mount (see /proc/self/uid_map, /etc/subuid): %v",
			w.req.Owner, errno))
	case unix.EPERM:
		w.skip(n, name, "", fmt.Sprintf("%v: it belongs to %s", errno, Owner{UID: st.Uid, GID: st.Gid}))
	default:
		w.fail(n, name, errno)
	}
}

// linksProtected reports whether the kernel lets only those link to a file who own it or
// may write it (sysctl fs.protected_hardlinks, proc_sys_fs(5)).
func linksProtected() bool {
	text, err := os.ReadFile("/proc/sys/fs/protected_hardlinks")
	return err == nil && strings.TrimSpace(string(text)) == "1"
}

// mapped refuses an owner that does not exist in this process's user namespace: every
// single chown would end with EINVAL (user_namespaces(7)).
func mapped(o Owner) error {
	for _, id := range []struct {
		file, what string
		id         uint32
	}{{"/proc/self/uid_map", "UID", o.UID}, {"/proc/self/gid_map", "GID", o.GID}} {
		text, err := os.ReadFile(id.file)
		if err != nil || idmap.Parse(string(text)).Outside(int64(id.id)) != idmap.None {
			continue // without /proc, each chown tells
		}
		return refused("giving files to", o.String(), ErrOwner, fmt.Sprintf("%s %d is not mapped in this user namespace (%s); "+
			"give the user more IDs in /etc/subuid and /etc/subgid", id.what, id.id, id.file))
	}
	return nil
}
