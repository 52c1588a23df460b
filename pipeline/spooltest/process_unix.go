//go:build unix

package spooltest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// aloneVar is set in the process of a test that runs alone.
const aloneVar = "IM2_TEST_ALONE"

// Alone runs the calling test once more, in a process of its own, and is true there; in the first one the test is over
// then. So a test can change what all of its process has.
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(aloneVar) == t.Name() {
		return true
	}
	self, err := os.Executable()
	Must(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), aloneVar+"="+t.Name())
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("in its own process: %v\n%s", err, out)
	}
	return false
}

// LimitFiles is how many files this process may have open until the test ends. What the runtime needs for itself is below a
// dozen.
func LimitFiles(t *testing.T, most uint64) {
	t.Helper()
	var before syscall.Rlimit
	Must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	t.Cleanup(func() { Must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)) })
	Must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: most, Max: before.Max}))
}
