package inspect

import (
	"path"
	"strconv"
	"strings"
)

// mounted is one line of a process's mountinfo (proc_pid_mountinfo(5)).
type mounted struct {
	id int
	// device is the file system's number, and root what of it is mounted, as a path in it as it is called now.
	device, root string
	// point is where it is mounted.
	point  string
	fsType string
}

// gone ends the root of a mount whose folder was removed.
const gone = "//deleted"

// parseMounts reads mountinfo. Lines that are none are left out.
func parseMounts(text string) (all []mounted) {
	for line := range strings.Lines(text) {
		fields, after, ok := strings.Cut(line, " - ")
		f, kind := strings.Fields(fields), strings.Fields(after)
		if !ok || len(f) < 6 || len(kind) == 0 {
			continue
		}
		id, err := strconv.Atoi(f[0])
		if err == nil {
			all = append(all, mounted{id, f[2], unescape(f[3]), unescape(f[4]), kind[0]})
		}
	}
	return all
}

// unescape decodes the octal numbers that stand for spaces and the like.
func unescape(text string) string {
	var plain strings.Builder
	for {
		before, rest, found := strings.Cut(text, `\`)
		plain.WriteString(before)
		if !found {
			return plain.String()
		}
		if n, err := strconv.ParseUint(rest[:min(3, len(rest))], 8, 8); err == nil && len(rest) >= 3 {
			plain.WriteByte(byte(n))
			text = rest[3:]
			continue
		}
		plain.WriteByte('\\')
		text = rest
	}
}

// at returns the mount that is seen at a path: the last one there.
func at(all []mounted, point string) (seen mounted, ok bool) {
	for _, m := range all {
		if m.point == path.Clean(point) {
			seen, ok = m, true
		}
	}
	return seen, ok
}

// same reports whether a container's mount is of what is at the place now. Where files are on another machine, the kernel takes a
// folder for removed when it only forgot it.
func (m mounted) same(now place) bool {
	root := m.root
	if remote(m.fsType) {
		root = strings.TrimSuffix(root, gone)
	}
	return m.device == now.device && root == now.root
}

// remote reports whether a file system's folders may be changed by others than this kernel.
func remote(fsType string) bool {
	for _, kind := range []string{"nfs", "cifs", "smb", "fuse", "9p", "ceph", "virtiofs", "vboxsf", "afs", "glusterfs"} {
		if strings.HasPrefix(fsType, kind) {
			return true
		}
	}
	return false
}

// place is where a path leads on this machine.
type place struct{ device, root string }
