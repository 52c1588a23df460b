package prune

import (
	"io/fs"
	"syscall"
	"time"
)

// tellsChange is whether changed tells when an entry got its place.
const tellsChange = true

// changed is when an entry got its place, owner or mode, or its content: a song keeps the time of its content when it is moved.
func changed(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctimespec.Unix())
	}
	return info.ModTime()
}
