package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/space"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// An engine that would find after many minutes that there is no room is not started, and the
// job waits until there is.
func TestStemsWithoutRoomAreNotBegun(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	if err := unix.Mount("tmpfs", b.env.Data, "tmpfs", 0, "size=8m,mode=0755"); err != nil {
		t.Skipf("LEFT OUT: a disk that fills up, because a small one cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(b.env.Data, unix.MNT_DETACH) })
	spooltest.Must(t, b.ready(t.Context()))
	id := b.add("song", "sound").ID
	engine := b.engine
	b.engine = engineFunc(func() error { t.Error("the engine was started"); return nil })
	var attempts []error
	for range 3 {
		_, err := b.turn(t.Context())
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "17 MB are needed and 9 MB are free") {
			t.Fatalf("turn = %v; want ENOSPC", err)
		}
		attempts = append(attempts, err)
		if j := b.in(job.Pending, id); j.Attempt != 0 {
			t.Errorf("attempt %d; want it not counted", j.Attempt)
		}
	}
	if attempts[1].Error() != attempts[2].Error() || !strings.Contains(attempts[1].Error(), "of the next song") {
		t.Errorf("it was decoded again: %v", attempts)
	}
	spooltest.Must(t, unix.Mount("tmpfs", b.env.Data, "tmpfs", unix.MS_REMOUNT, "size=64m"))
	b.engine = engine
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	b.in(job.Separated, id)
}

// Below the limit a worker takes nothing, says why, and goes on by itself; and where nothing waits it has nothing to say.
func TestNothingIsTakenBelowTheLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	if err := unix.Mount("tmpfs", b.env.Data, "tmpfs", 0, "size=64m,mode=0755"); err != nil {
		t.Skipf("LEFT OUT: a disk that fills up, because a small one cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(b.env.Data, unix.MNT_DETACH) })
	b.env.MinFree = space.Limit{Bytes: 40 << 20}
	spooltest.Must(t, b.ready(t.Context()))
	filler := filepath.Join(b.env.Data, "filler")
	spooltest.Put(t, filler, strings.Repeat("x", 30<<20))
	if _, err := b.turn(t.Context()); err != nil {
		t.Errorf("turn without a song = %v", err)
	}
	first, second := b.add("first", "sound").ID, b.add("second", "sound").ID
	for range 3 {
		busy, err := b.turn(t.Context())
		if busy || !errors.Is(err, space.ErrLow) || !strings.Contains(err.Error(), "36 MB free, less than the 42 MB that PIPELINE_MIN_FREE keeps: no song is taken until there is room") {
			t.Fatalf("turn = %v, %v; want ErrLow", busy, err)
		}
	}
	if j := b.in(job.Pending, first); j.Attempt != 0 {
		t.Errorf("attempt %d; want it not counted", j.Attempt)
	}
	spooltest.Must(t, os.Remove(filler))
	for _, id := range []string{first, second} {
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		b.in(job.Separated, id)
	}
}

// A disk that does not even let a job be handed back is not the job's fault.
func TestAJobThatTheDiskKeptHereLosesNoAttempt(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	if err := unix.Mount("tmpfs", b.env.Data, "tmpfs", 0, "size=64m,mode=0755"); err != nil {
		t.Skipf("LEFT OUT: a disk that fails, because a small one cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(b.env.Data, unix.MNT_DETACH) })
	spooltest.Must(t, b.ready(t.Context()))
	id := b.add("song", "sound").ID
	b.engine = engineFunc(func() error {
		spooltest.Must(t, unix.Mount("tmpfs", b.env.Data, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		return syscall.ENOSPC
	})
	if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("turn = %v; want ENOSPC", err)
	}
	b.in(job.Separating, id)
	spooltest.Must(t, unix.Mount("tmpfs", b.env.Data, "tmpfs", unix.MS_REMOUNT, ""))
	b.engine = engineFunc(func() error { return syscall.ENOSPC })
	if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("turn = %v; want ENOSPC", err)
	}
	if j := b.in(job.Pending, id); j.Attempt != 0 {
		t.Errorf("attempt %d; want none counted", j.Attempt)
	}
}

// One that cannot be handed back then, because something has its name, is given up, and that is said.
func TestAJobThatTheDiskKeptHereMayBeGivenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	if err := unix.Mount("tmpfs", b.env.Data, "tmpfs", 0, "size=64m,mode=0755"); err != nil {
		t.Skipf("LEFT OUT: a disk that fails, because a small one cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(b.env.Data, unix.MNT_DETACH) })
	spooltest.Must(t, b.ready(t.Context()))
	id := b.add("song", "sound").ID
	b.engine = engineFunc(func() error {
		spooltest.Put(t, filepath.Join(b.spool.StageFolder(job.Pending), id), "in the way")
		spooltest.Must(t, unix.Mount("tmpfs", b.env.Data, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		return syscall.ENOSPC
	})
	if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("turn = %v; want ENOSPC", err)
	}
	spooltest.Must(t, unix.Mount("tmpfs", b.env.Data, "tmpfs", unix.MS_REMOUNT, ""))
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	b.in(job.Failed, id)
	if log := b.log.String(); !strings.Contains(log, "given up") || !strings.Contains(log, "something else has its name in queue/pending") {
		t.Errorf("log = %s", log)
	}
}
