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

	"github.com/im2-audio/im2/internal/run"
)

// started starts a process that has bind mounts of sources, at /mnt/0 and so on, and looks like a container.
func started(t *testing.T, sources ...string) Container {
	t.Helper()
	const id = "94964e77508b1a4a7039fcab045e31b653470ac911a8175009d6d48c75315dc2"
	dir := t.TempDir()
	hostname := filepath.Join(dir, id, "hostname")
	if err := errors.Join(os.Mkdir(filepath.Dir(hostname), 0o755), os.WriteFile(hostname, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", `mount --bind "$1" /etc/hostname; mount -t tmpfs none /mnt; shift; n=0
		for path; do if [ -d "$path" ]; then mkdir /mnt/$n; else touch /mnt/$n; fi; mount --bind "$path" /mnt/$n; n=$((n + 1)); done
		echo up; read _`, "sh", hostname)
	cmd.Args = append(cmd.Args, sources...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	in, err := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err, err2, cmd.Start()); err != nil {
		t.Skipf("skipped: %v", err)
	}
	t.Cleanup(func() { _ = errors.Join(in.Close(), cmd.Wait()) }) // It was only there to be seen.
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Skip("skipped: this user may not make namespaces")
	}
	c := Container{ID: id}
	c.State.Pid = cmd.Process.Pid
	for i, source := range sources {
		c.Mounts = append(c.Mounts, Mount{Type: "bind", Source: source, Destination: "/mnt/" + string(rune('0'+i))})
	}
	return c
}

func TestReplacedMounts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a project\\040\n")
	data, file, link := filepath.Join(dir, "data"), filepath.Join(dir, "file"), filepath.Join(dir, "link")
	fresh := func() {
		err := errors.Join(os.RemoveAll(dir), os.MkdirAll(data, 0o755), os.WriteFile(file, nil, 0o600), os.Symlink("data", link))
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		change func() error
		want   []string
	}{
		"nothing":                 {func() error { return os.Mkdir(filepath.Join(data, "new"), 0o755) }, nil},
		"moved":                   {func() error { return os.Rename(data, data+" old") }, []string{data, link}},
		"removed":                 {func() error { return os.Remove(data) }, []string{data, link}},
		"removed and made again":  {func() error { return errors.Join(os.Remove(data), os.Mkdir(data, 0o755)) }, []string{data, link}},
		"another in its place":    {func() error { return errors.Join(os.Rename(data, data+"2"), os.Mkdir(data, 0o755)) }, []string{data, link}},
		"moved away and back":     {func() error { return errors.Join(os.Rename(data, data+"2"), os.Rename(data+"2", data)) }, nil},
		"a file that was written": {func() error { return os.WriteFile(file, []byte("new"), 0o600) }, nil},
		"a file that was replaced": {
			func() error { return errors.Join(os.WriteFile(file+"~", nil, 0o600), os.Rename(file+"~", file)) },
			[]string{file},
		},
		"a link that leads elsewhere": {
			func() error {
				return errors.Join(os.Remove(link), os.Mkdir(data+"2", 0o755), os.Symlink("data2", link))
			},
			[]string{link},
		},
		"a link in its place": {
			func() error { return errors.Join(os.Rename(data, data+"2"), os.Symlink("data2", data)) },
			nil,
		},
	} {
		fresh()
		container := started(t, data, file, link)
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		replaced, err := container.Replaced("/proc")
		var got []string
		for _, m := range replaced {
			got = append(got, m.Source)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
		container.ID = strings.Repeat("0", len(container.ID))
		if _, err := container.Replaced("/proc"); err == nil {
			t.Errorf("%s: of another container's process", name)
		}
	}
}

func TestFoldersOnOtherMachinesAreForgotten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"1 2 0:50 /data /mnt rw - nfs4 server:/ rw":                     true,
		"1 2 0:50 /data//deleted /mnt rw - nfs4 server:/ rw":            true,
		"1 2 0:50 /old//deleted /mnt rw - nfs4 server:/ rw":             false,
		"1 2 0:50 /data//deleted /mnt rw shared:1 - fuse.sshfs x rw":    true,
		"1 2 0:50 /data//deleted /mnt rw shared:1 - ext4 /dev/x rw":     false,
		"1 2 0:51 /data /mnt rw shared:1 master:2 - ext4 /dev/x rw":     false,
		"1 2 0:50 /data /mnt rw shared:1 master:2 - ext4 /dev/x rw,a=b": true,
	} {
		all := parseMounts("rubbish\n1 2 3\n" + text + "\n")
		if len(all) != 1 || all[0].same(place{"0:50", "/data"}) != want {
			t.Errorf("%s: %+v", text, all)
		}
	}
}

// What runs in a container may be able to mount things in a namespace of its own, as often as the kernel lets it.
func TestMountsWithoutAnEnd(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	c := Container{ID: "94964e77508b"}
	c.State.Pid = 7
	line := "1 2 8:1 /c/" + c.ID + "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"
	path := filepath.Join(proc, "7", "mountinfo")
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(line), 0o600)); err != nil {
		t.Fatal(err)
	}
	if all, err := c.Replaced(proc); err != nil || all != nil {
		t.Fatalf("%v, %v", all, err)
	}
	if err := os.Truncate(path, run.MostFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Replaced(proc); !errors.Is(err, run.ErrTooLong) {
		t.Errorf("error = %v", err)
	}
}
