package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Replaced returns the bind mounts of a running container in which it has something else than there is at their
// source now, because that was moved, removed or mounted over. Ordinary users may ask, for any container: it
// compares what the kernel says of mounts, here and in the container, and stops at nothing that they may not open.
// The number of an inode would not do: ext4 gives that of a removed folder to the next one.
//
// proc is this machine's /proc. The error says why it is not known, as for an engine in a virtual machine.
func (c Container) Replaced(proc string) ([]Mount, error) {
	theirs, err := c.mountinfo(proc)
	if err != nil {
		return nil, err
	}
	ours, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	inside, outside := parseMounts(theirs), parseMounts(string(ours))
	var all []Mount
	for _, m := range c.Mounts {
		there, mounted := at(inside, m.Destination)
		if m.Type != "bind" || !mounted {
			continue
		}
		now, err := placeOf(outside, m.Source)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !there.same(now) {
			all = append(all, m)
		}
	}
	return all, nil
}

// placeOf finds out where a path leads. Nothing is opened for reading.
func placeOf(mounts []mounted, path string) (place, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return place{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }() // It was only looked at.
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return place{}, err
	}
	info, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return place{}, err
	}
	for line := range strings.Lines(string(info)) {
		text, ok := strings.CutPrefix(line, "mnt_id:")
		id, err := strconv.Atoi(strings.TrimSpace(text))
		if !ok || err != nil {
			continue
		}
		for _, m := range mounts {
			if rel, err := filepath.Rel(m.point, name); m.id == id && err == nil && filepath.IsLocal(rel) {
				return place{m.device, filepath.Join(m.root, rel)}, nil
			}
		}
	}
	return place{}, fmt.Errorf("finding the mount of %s: there is none", path)
}
