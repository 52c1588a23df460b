package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/im2-audio/im2/internal/idmap"
	"github.com/im2-audio/im2/internal/run"
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

// UsersHere returns the users of a running container's processes as UID:GID on this machine, sorted: what the engine's
// "top" says, which starts ps for that. It reads the container's control group in proc and groups, which are /proc and
// /sys/fs/cgroup. Ordinary users may ask. What is not certain is an error: a container with other IDs, as of a rootless
// engine, or one without a control group of its own.
func (c Container) UsersHere(proc, groups string) ([]string, error) {
	if _, err := c.mountinfo(proc); err != nil {
		return nil, err
	}
	first := strconv.Itoa(c.State.Pid)
	for _, table := range []string{"uid_map", "gid_map"} {
		theirs, err := os.ReadFile(filepath.Join(proc, first, table))
		ours, err2 := os.ReadFile(filepath.Join(proc, "self", table))
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		if !bytes.Equal(theirs, ours) {
			return nil, errors.New("the container has other IDs than this machine")
		}
	}
	group, err := c.group(proc, groups)
	if err != nil {
		return nil, err
	}
	pids, err := members(group)
	if err == nil && !slices.Contains(pids, first) {
		err = fmt.Errorf("process %s is not in %s", first, group)
	}
	if err != nil {
		return nil, err
	}
	var users []string
	for _, pid := range pids {
		text, err := os.ReadFile(filepath.Join(proc, pid, "status"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		uid, hasUID := effective(string(text), "Uid:")
		gid, hasGID := effective(string(text), "Gid:")
		if err != nil || !hasUID || !hasGID {
			return nil, errors.Join(err, fmt.Errorf("process %s: its user cannot be read", pid))
		}
		users = append(users, fmt.Sprintf("%d:%d", uid, gid))
	}
	slices.Sort(users)
	return slices.Compact(users), nil
}

// group is the folder of the container's control group below groups: of version 2, or that of the devices in version 1,
// which the engine asks, too.
func (c Container) group(proc, groups string) (string, error) {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(c.State.Pid), "cgroup"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		kind, path, _ := strings.Cut(rest, ":")
		if kind != "" && kind != "devices" || !strings.Contains(filepath.Base(path), c.ID) {
			continue
		}
		folder := filepath.Join(groups, kind, path)
		if _, err := os.Stat(folder); err == nil {
			return folder, nil
		}
	}
	return "", fmt.Errorf("process %d has no control group of the container's", c.State.Pid)
}

// members returns the IDs of the processes in a control group and in those below it.
func members(group string) (pids []string, err error) {
	err = filepath.WalkDir(group, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		pids = append(pids, strings.Fields(string(text))...)
		return err
	})
	return pids, err
}

// effective is the effective ID in a line of a process's status.
func effective(status, field string) (int64, bool) {
	for line := range strings.Lines(status) {
		rest, ok := strings.CutPrefix(line, field)
		if fields := strings.Fields(rest); ok && len(fields) == 4 {
			id, err := strconv.ParseInt(fields[1], 10, 64)
			return id, err == nil
		}
	}
	return 0, false
}

// mountinfo is what the kernel says of the mounts of a running container. The error is about a process that is not
// certain to be the container's.
func (c Container) mountinfo(proc string) (string, error) {
	text, err := run.ReadFile(filepath.Join(proc, strconv.Itoa(c.State.Pid), "mountinfo"))
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
	uid, hasUID := effective(texts["status"], "Uid:")
	gid, hasGID := effective(texts["status"], "Gid:")
	user := fmt.Sprintf("%d:%d", idmap.Parse(texts["uid_map"]).Inside(uid), idmap.Parse(texts["gid_map"]).Inside(gid))
	return user, hasUID && hasGID
}
