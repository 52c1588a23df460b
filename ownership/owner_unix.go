//go:build unix

package ownership

import (
	"io/fs"
	"syscall"
)

// Of returns the owner of a file. It is false where files have no numeric owner, as on Windows.
func Of(info fs.FileInfo) (Owner, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Owner{}, false
	}
	return Owner{UID: stat.Uid, GID: stat.Gid}, true
}
