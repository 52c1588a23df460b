package inspect

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/idmap"
)

// Processes returns the IDs of a running container's processes in proc, which is this machine's /proc. It is for engines
// without control groups, such as rootless ones without systemd, which cannot list them. What is not certain to be the
// container's is an error: an engine in a virtual machine has other process IDs.
func (c Container) Processes(proc string) ([]string, error) {
	if _, err := c.mountinfo(proc); err != nil {
		return nil, err
	}
	first := filepath.Join(proc, strconv.Itoa(c.State.Pid))
	const space = "ns/pid"
	mine, err := os.Readlink(filepath.Join(proc, "self", space))
	if err != nil {
		return nil, err
	}
	namespace, err := os.Readlink(filepath.Join(first, space))
	if err != nil {
		return nil, err
	}
	if namespace == mine {
		return nil, errors.New("the container shares the process IDs of this machine")
	}
	var pids []string
	found, _ := filepath.Glob(filepath.Join(proc, "[0-9]*")) // only a bad pattern fails
	for _, folder := range found {
		if other, err := os.Readlink(filepath.Join(folder, space)); err == nil && other == namespace { // else it may have ended
			pids = append(pids, filepath.Base(folder))
		}
	}
	return pids, nil
}

// Users returns the users of the processes that Processes returns as UID:GID in the container, sorted.
func (c Container) Users(proc string) ([]string, error) {
	pids, err := c.Processes(proc)
	var users []string
	for _, pid := range pids {
		if user, ok := userOf(filepath.Join(proc, pid)); ok {
			users = append(users, user)
		}
	}
	slices.Sort(users)
	return slices.Compact(users), err
}

// mountinfo is what the kernel says of the mounts of a running container. The error is about a process that is not
// certain to be the container's.
func (c Container) mountinfo(proc string) (string, error) {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(c.State.Pid), "mountinfo"))
	if err != nil {
		return "", err
	}
	// The engine mounts files of its own for the container into it, such as /etc/hostname.
	if c.ID == "" || !strings.Contains(string(text), "/"+c.ID+"/") {
		return "", fmt.Errorf("process %d of this machine is not the container's", c.State.Pid)
	}
	return string(text), nil
}

// userOf returns the effective UID:GID of a process in its user namespace; false for one that has ended.
func userOf(process string) (string, bool) {
	texts := make(map[string]string)
	for _, name := range []string{"status", "uid_map", "gid_map"} {
		text, err := os.ReadFile(filepath.Join(process, name))
		if err != nil {
			return "", false
		}
		texts[name] = string(text)
	}
	var ids []string
	for _, id := range []struct{ field, table string }{{"Uid:", "uid_map"}, {"Gid:", "gid_map"}} {
		for line := range strings.Lines(texts["status"]) {
			rest, ok := strings.CutPrefix(line, id.field)
			if fields := strings.Fields(rest); ok && len(fields) == 4 {
				effective, err := strconv.ParseInt(fields[1], 10, 64)
				if err != nil {
					return "", false
				}
				ids = append(ids, strconv.FormatInt(idmap.Parse(texts[id.table]).Inside(effective), 10))
			}
		}
	}
	return strings.Join(ids, ":"), len(ids) == 2
}
