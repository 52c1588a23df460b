package main

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A worker that is killed takes its engine with it, although it cannot do anything any more.
func TestTheEngineDiesWithAKilledWorker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parent := exec.CommandContext(t.Context(), program(t, "parent"), program(t, "hang"), filepath.Join(dir, "cli.js"))
	must(t, parent.Start())
	t.Cleanup(func() { _ = parent.Wait() })
	pids := waitForChildren(t, filepath.Join(dir, "children"))
	t.Cleanup(func() { _ = syscall.Kill(pids[1], syscall.SIGKILL) })
	must(t, parent.Process.Kill())
	wantGone(t, pids[0])
}
