package inspect

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A process in namespaces like a rootless container's: its user is root there, and another one here.
func TestUsersByThisMachinesKernel(t *testing.T) {
	t.Parallel()
	const id = "94964e77508b1a4a7039fcab045e31b653470ac911a8175009d6d48c75315dc2"
	dir := t.TempDir()
	hostname := filepath.Join(dir, id, "hostname")
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Mkdir(filepath.Dir(hostname), 0o755), os.WriteFile(hostname, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `mount --bind "$1" /etc/hostname && echo up && read _`, "sh", hostname)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{NoSetGroups: true},
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.UidMappings[0].HostID, cmd.SysProcAttr.GidMappings[0].HostID = 4_000_000, 5_000_000
	}
	in, err := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err, err2, cmd.Start()); err != nil {
		t.Skipf("skipped: %v", err)
	}
	defer func() { _ = errors.Join(in.Close(), cmd.Wait()) }() // It was only there to be seen.
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Skip("skipped: this user may not make namespaces")
	}
	c := Container{ID: id}
	c.State.Pid = cmd.Process.Pid
	if users, err := c.Users("/proc"); err != nil || !slices.Equal(users, []string{"0:0"}) {
		t.Errorf("%q, %v", users, err)
	}
	for name, change := range map[string]func(*Container){
		"of another container": func(c *Container) { c.ID = strings.Repeat("0", len(id)) },
		"of this machine":      func(c *Container) { c.State.Pid = os.Getpid() },
		"not there":            func(c *Container) { c.State.Pid = 1 << 30 },
	} {
		other := c
		change(&other)
		if users, err := other.Users("/proc"); err == nil {
			t.Errorf("%s: %q", name, users)
		}
	}
}
