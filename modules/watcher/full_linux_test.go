package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/modules/internal/spool"
)

// With no room on the disk nothing is lost, and all goes on once there is some.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0755"); err != nil {
		t.Skipf("mounting a small disk needs root: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	b := newBenchOn(t, dir)
	for _, name := range []string{"a.wav", "b.wav", "c.txt"} {
		content := wave
		if strings.HasSuffix(name, ".txt") {
			content = "text"
		}
		b.input(name, content)
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	b.look(0)
	b.clock = b.clock.Add(settleTime)
	for range 3 {
		if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("turn on a full disk = %v; want ENOSPC", err)
		}
		b.clock = b.clock.Add(settleTime)
	}
	if jobs, err := b.spool.List(spool.Incoming); err != nil || len(jobs) > 1 {
		t.Errorf("%d jobs were begun, %v; want one at most", len(jobs), err)
	}
	must(t, os.Remove(filler))
	b.settleAll()
	b.settleAll()
	b.wantQueue(map[spool.Stage]int{spool.Pending: 2, spool.Rejected: 1})
	wantNames(t, b.spool.RejectedFiles(), "c.txt", "c.txt.txt")
	wantNames(t, b.spool.Input())
}
