package inspect

import (
	"bufio"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// Processes of two users in a control group, in a group of its own below it too, as the engine makes one.
func TestUsersOfAControlGroup(t *testing.T) {
	t.Parallel()
	const groups = "/sys/fs/cgroup"
	id := "im2test" + rand.Text()
	group := filepath.Join(groups, "devices", id)
	if _, err := os.Stat(filepath.Dir(group)); err != nil { // version 2 alone
		group = filepath.Join(groups, id)
	}
	below := filepath.Join(group, "below")
	if err := errors.Join(os.Mkdir(group, 0o755), os.Mkdir(below, 0o755)); err != nil {
		t.Skipf("skipped: making a control group: %v", err)
	}
	t.Cleanup(func() { _ = errors.Join(os.Remove(below), os.Remove(group)) }) // Empty by then, as processes end first.
	hostname := filepath.Join(t.TempDir(), id, "hostname")
	if err := errors.Join(os.Mkdir(filepath.Dir(hostname), 0o755), os.WriteFile(hostname, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	run := func(uid uint32, group string, flags uintptr) int {
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", `[ "$2" = 0 ] || mount --bind "$1" /etc/hostname; echo up; read _`, "sh", hostname, strconv.Itoa(int(flags)))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid + 1}, Cloneflags: flags}
		in, err := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err := errors.Join(err, err2, cmd.Start()); err != nil {
			t.Skipf("skipped: %v", err)
		}
		t.Cleanup(func() { _ = errors.Join(in.Close(), cmd.Wait()) }) // It was only there to be seen.
		if line, _ := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
			t.Skip("skipped: this user may not make namespaces")
		}
		if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
			t.Skipf("skipped: %v", err)
		}
		return cmd.Process.Pid
	}
	c := Container{ID: id}
	c.State.Pid = run(0, group, syscall.CLONE_NEWNS)
	run(4711, below, 0)
	if users, err := c.UsersHere("/proc", groups); err != nil || !slices.Equal(users, []string{"0:1", "4711:4712"}) {
		t.Errorf("%q, %v", users, err)
	}
	alone := c
	alone.State.Pid = os.Getpid()
	if users, err := alone.UsersHere("/proc", groups); err == nil {
		t.Errorf("of a process that is not the container's: %q", users)
	}
	if users, err := c.UsersHere("/proc", t.TempDir()); err == nil {
		t.Errorf("without control groups: %q", users)
	}
	if users, err := started(t).UsersHere("/proc", groups); err == nil {
		t.Errorf("of a container with other IDs: %q", users)
	}
}
