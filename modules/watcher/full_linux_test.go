package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
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

// smallDisk mounts one of so many bytes for a watcher.
func smallDisk(t *testing.T, size string) *bench {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0755"); err != nil {
		t.Skipf("LEFT OUT: a full disk, because a small one cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return newBenchOn(t, dir)
}

// linked gives a file a second name, so that it must be copied.
func (b *bench) linked(path string) (second string) {
	b.t.Helper()
	second = filepath.Join(b.data, filepath.Base(path))
	spooltest.Must(b.t, os.Link(path, second))
	return second
}

// A copy for which there is no room is not begun, and one that fails leaves nothing behind:
// it would take the room that others need.
func TestAFullDiskHasNoHalfCopies(t *testing.T) {
	t.Parallel()
	b := smallDisk(t, "1m")
	b.linked(b.input("a.wav", wave+strings.Repeat("x", 700<<10)))
	before, _ := place.Free(b.data)
	b.look(0)
	var said string
	for range 3 {
		b.clock = b.clock.Add(settleTime)
		_, err := b.turn(t.Context())
		if err == nil || !strings.Contains(err.Error(), "2 MB are needed and 1 MB are free") {
			t.Fatalf("turn = %v; want that there is no room", err)
		}
		if said != "" && err.Error() != said {
			t.Errorf("the same trouble reads %q and %q", said, err)
		}
		said = err.Error()
	}
	if after, _ := place.Free(b.data); before-after > 64<<10 {
		t.Errorf("%d bytes were free, and now %d", before, after)
	}
	spooltest.Must(t, os.WriteFile(filepath.Join(b.data, "copy"), nil, 0o600))
	if err := copyFile(filepath.Join(b.data, "copy"), strings.NewReader(strings.Repeat("x", 2<<20)), 0); err == nil {
		t.Error("2 MiB were copied to a disk of 1 MiB")
	}
}

// A file of holes with a second name takes no room and must be copied. One for whose copy there is no room waits without an
// attempt, one that is larger than the disk is rejected, and several that fit alone and not together use nothing up: the others
// go on.
func TestNoRoomForOneFileDelaysNoOther(t *testing.T) {
	t.Parallel()
	b := smallDisk(t, "16m")
	b.sparse("disk.wav", 64<<20)
	b.sparse("wait.wav", 15<<20)
	seconds := []string{b.linked(filepath.Join(b.spool.Input(), "wait.wav"))}
	b.linked(filepath.Join(b.spool.Input(), "disk.wav"))
	for _, name := range []string{"1.wav", "2.wav", "3.wav"} {
		b.sparse(name, 8<<20)
		seconds = append(seconds, b.linked(filepath.Join(b.spool.Input(), name)))
	}
	spooltest.Must(t, os.WriteFile(filepath.Join(b.data, "filler"), make([]byte, 2<<20), 0o600))
	b.input("good.wav", wave+"good")
	for range 2 * spool.MaxAttempts {
		if _, err := b.turn(t.Context()); spool.StopsAll(err) {
			t.Errorf("turn = %v", err)
		}
		b.clock = b.clock.Add(restFor)
		b.input("later"+b.clock.Format("150405")+".wav", wave+b.clock.Format("150405"))
	}
	if jobs := b.jobs(job.Pending); len(jobs) < 2*spool.MaxAttempts-2 || !slices.ContainsFunc(jobs, func(j *spool.Job) bool { return j.Name == "good.wav" }) {
		t.Errorf("only %d songs were taken", len(jobs))
	}
	if reason := b.oneJob(job.Rejected).Error; !strings.Contains(reason, "That takes 68 MB, which is more than the whole disk") {
		t.Errorf("reason = %q", reason)
	}
	for _, h := range b.held {
		if h.failed != 0 {
			t.Errorf("it was charged: %+v", h)
		}
	}
	for _, second := range seconds {
		spooltest.Must(t, os.Remove(second))
	}
	b.clock = b.clock.Add(restFor)
	b.settleAll()
	if len(b.held) != 0 {
		t.Errorf("held: %+v", b.held)
	}
	spooltest.WantNames(t, b.spool.StageFolder(job.Failed))
	spooltest.WantNames(t, b.spool.StageFolder(job.Incoming))
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
	spooltest.WantNames(t, b.oneFolder(job.Incoming), job.TakenFolder)
}
