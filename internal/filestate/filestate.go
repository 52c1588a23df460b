// Package filestate tells without reading a file whether it is still the same.
package filestate

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// settledAfter is how long a file must have been left alone before its times are believed: a
// second change within the clock's granularity, which is two seconds on FAT, leaves no trace.
const settledAfter = 2 * time.Second

// State is what changes when a file does.
type State struct {
	// Size is in bytes.
	Size int64 `json:"size"`
	// Modified and Changed are mtime and ctime in nanoseconds since 1970. The file system
	// sets ctime by itself, so a change that puts size and mtime back is seen, too
	// (inode(7)); it is 0 where it is not known, which is everywhere but on Linux.
	Modified int64 `json:"modified"`
	Changed  int64 `json:"changed"`
	// Inode is the file's number; 0 where it is not known.
	Inode uint64 `json:"inode"`
	// Mode has the type and the permission bits.
	Mode fs.FileMode `json:"mode"`
}

// Of returns a file's state.
func Of(info fs.FileInfo) State {
	changed, inode := identity(info)
	return State{Size: info.Size(), Modified: info.ModTime().UnixNano(), Changed: changed, Inode: inode, Mode: info.Mode()}
}

// LooksSame reports whether size, mtime and mode are the same, which is all that many tools
// look at, among them BuildKit's transfer of build contexts.
func (s State) LooksSame(other State) bool {
	return s.Size == other.Size && s.Modified == other.Modified && s.Mode == other.Mode && s != State{}
}

// Settled reports whether the state can be believed at a later look, when the file was read at
// this time: its times are old enough, and not in the future, as after a clock that jumped.
func (s State) Settled(at time.Time) bool {
	last := at.Add(-settledAfter).UnixNano()
	return s.Modified <= last && s.Changed <= last
}

// String is the state in one line.
func (s State) String() string {
	return fmt.Sprintf("%d %d %d %d %s", s.Size, s.Modified, s.Changed, s.Inode, s.Mode)
}

// Keep writes a file of what is remembered, whole or not at all as far as other processes see.
// It does not wait for the disk, which would take longer than what is remembered saves: what a
// power failure takes or damages is found out again by who reads it.
func Keep(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// RemoveOld removes the files and folders of a pattern that nobody has changed for so long: what killed runs
// have left, or what nobody uses. Those that cannot be removed stay.
func RemoveOld(pattern string, age time.Duration) {
	paths, _ := filepath.Glob(pattern) // the pattern is right
	for _, path := range paths {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > age {
			_ = os.RemoveAll(path)
		}
	}
}
