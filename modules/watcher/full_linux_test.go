package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// With no room on the disk nothing is lost, and all goes on once there is some.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0755"); err != nil {
		t.Skipf("LEFT OUT: a full disk, because a small one cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	b := newBenchOn(t, dir)
	for _, name := range []string{"a.wav", "b.wav", "c.txt"} {
		content := wave + name
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
	if jobs, err := b.spool.List(job.Incoming); err != nil || len(jobs) > takers {
		t.Errorf("%d jobs were begun, %v; want no more than are taken at once", len(jobs), err)
	}
	spooltest.Must(t, os.Remove(filler))
	b.settleAll()
	b.settleAll()
	b.wantQueue(map[job.Stage]int{job.Pending: 2, job.Rejected: 1})
	spooltest.WantNames(t, b.spool.RejectedFiles(), "c.txt", "c.txt.txt")
	spooltest.WantNames(t, b.spool.Input())
}

// A copy for which there is no room is not begun, and one that fails leaves nothing behind:
// it would take the room that others need.
func TestAFullDiskHasNoHalfCopies(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("LEFT OUT: a file of somebody else, because only root can give one away; run the tests as root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0755"); err != nil {
		t.Skipf("LEFT OUT: a full disk, because a small one cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	b := newBenchOn(t, dir)
	path := b.input("a.wav", wave+strings.Repeat("x", 700<<10))
	spooltest.Must(t, os.Chown(path, 1234, 1234))
	before, _ := place.Free(dir)
	b.look(0)
	var said string
	for range 3 {
		b.clock = b.clock.Add(settleTime)
		_, err := b.turn(t.Context())
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "1 MB are needed and 1 MB are free") {
			t.Fatalf("turn = %v; want ENOSPC", err)
		}
		if said != "" && err.Error() != said {
			t.Errorf("the same trouble reads %q and %q", said, err)
		}
		said = err.Error()
	}
	if after, _ := place.Free(dir); before-after > 64<<10 {
		t.Errorf("%d bytes were free, and now %d", before, after)
	}
	spooltest.Must(t, os.WriteFile(filepath.Join(dir, "copy"), nil, 0o600))
	if err := copyFile(filepath.Join(dir, "copy"), strings.NewReader(strings.Repeat("x", 2<<20)), 0); err == nil {
		t.Error("2 MiB were copied to a disk of 1 MiB")
	}
}

func TestAFileThatFailsToBeCopiedLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.input("a.wav", wave)
	spooltest.Must(t, os.Link(path, filepath.Join(t.TempDir(), "second")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.takeNow(ctx, "a.wav"); !errors.Is(err, context.Canceled) {
		t.Errorf("take = %v; want context.Canceled", err)
	}
	ids, err := b.spool.List(job.Incoming)
	spooltest.Must(t, err)
	spooltest.WantNames(t, filepath.Join(b.spool.StageFolder(job.Incoming), ids[0]), job.TakenFolder)
}
