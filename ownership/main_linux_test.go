package ownership_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/ownership"
)

// roleVar makes this test binary a helper process; see TestMain.
const roleVar = "IM2_OWNERSHIP_ROLE"

// TestMain lets the binary be the processes that some tests need beside their own.
func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case "":
		m.Run()
	case "attack":
		attack(os.Args[1], os.Args[2])
	case "reset":
		resetForever(os.Args[1])
	case "measure":
		measure(os.Args[1])
	}
}

// helper is this binary in a role.
func helper(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// needsRoot skips a test, loudly, that an ordinary user cannot do.
func needsRoot(t *testing.T, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipped: needs root: " + why)
	}
}

// insideVar is set in the process that has a namespace of its own.
const insideVar = "IM2_OWNERSHIP_INSIDE"

// inside runs the calling test once more, in a process of its own with the namespaces of
// its own that attr asks for, so that no mount is left whatever happens. It is true in that process; in the
// other, the test is over then.
func inside(t *testing.T, attr *syscall.SysProcAttr, env ...string) bool {
	t.Helper()
	if os.Getenv(insideVar) == t.Name() {
		if attr != nil && attr.Cloneflags&unix.CLONE_NEWNS != 0 {
			must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		}
		return true
	}
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.count=1")
	cmd.Env = append(append(os.Environ(), insideVar+"="+t.Name()), env...)
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, unix.EPERM) && os.Geteuid() != 0:
		t.Skip("skipped: this user may not make namespaces")
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("skipped:\n%s", out)
	case err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())):
		t.Errorf("in a namespace: %v\n%s", err, out)
	}
	return false
}

// mounts is inside with a mount namespace.
func mounts(t *testing.T) bool {
	t.Helper()
	needsRoot(t, "mounting")
	return inside(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS})
}

// mount mounts and unmounts at the end.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mounting %s at %s: %v", source, target, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
}

// state is everything about an entry that a reset may or may not change.
type state struct {
	UID, GID, Mode uint32
	CTime          syscall.Timespec
}

func stateOf(t *testing.T, path string) state {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return state{UID: st.Uid, GID: st.Gid, Mode: st.Mode, CTime: st.Ctim}
}

// refused fails the test unless err refuses the request, for that reason where one is given, and says
// what it must.
func refused(t *testing.T, err, reason error, says string) {
	t.Helper()
	var refusal *ownership.RefusedError
	if !errors.As(err, &refusal) || reason != nil && !errors.Is(err, reason) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want it to be refused (%v) and to say %q", err, reason, says)
	}
}

// touch makes empty files with a mode, and the folders for them.
func touch(t *testing.T, mode os.FileMode, paths ...string) {
	t.Helper()
	for _, path := range paths {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600), os.Chmod(path, mode))
	}
}
