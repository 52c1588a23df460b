package ownership_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/ownership"
)

// measured is what a reset cost the process that did it.
type measured struct {
	Sum  ownership.Summary
	Err  string
	FDs  int // the most that were open at once
	KiB  int // the greatest resident size
	Took time.Duration
}

// measure resets a folder in this process and prints what that cost.
func measure(folder string) {
	var m measured
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			open, _ := os.ReadDir("/proc/self/fd")
			m.FDs = max(m.FDs, len(open))
			select {
			case <-over:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	start := time.Now()
	sum, err := ownership.Reset(context.Background(), ownership.Request{Folder: folder, Owner: other(), AllowRoot: true})
	m.Took, m.Sum, m.Err = time.Since(start), sum, fmt.Sprint(err)
	close(over)
	<-done
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if text, found := strings.CutPrefix(line, "VmHWM:"); found {
			m.KiB, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), " kB"))
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(m)
}

// raced reports whether this is built with the race detector, which takes memory itself.
func raced() bool {
	info, _ := debug.ReadBuildInfo()
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// limits resets a folder in a process of its own, which must keep to the limits.
func limits(t *testing.T, folder string) measured {
	t.Helper()
	out, err := helper(t, "measure", folder).Output()
	must(t, err)
	var m measured
	must(t, json.Unmarshal(out, &m))
	t.Logf("%d entries in %v: %d descriptors, %d KiB", m.Sum.Seen, m.Took.Round(time.Millisecond), m.FDs, m.KiB)
	if m.FDs >= 64 || m.KiB >= 16<<10 && !raced() || m.Err != "<nil>" || m.Sum.ProblemCount() != 0 {
		t.Errorf("%+v", m)
	}
	return m
}

// inMemory is a temporary folder on tmpfs where there is one. Ext4 takes half a millisecond
// for each folder of a deep tree, and 80 us for each of many files that are made soon after
// as many were removed, since it does not use inodes again that were just freed.
func inMemory(t *testing.T) string {
	t.Helper()
	top, err := os.MkdirTemp("/dev/shm", "im2-ownership-") //nolint:usetesting // t.TempDir is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { must(t, os.RemoveAll(top)) })
	return top
}

// deepTree makes a folder with levels folders inside of one another, each with what.
func deepTree(t *testing.T, levels int, what func(dir int) error) string {
	t.Helper()
	top := inMemory(t)
	dir, err := unix.Open(top, unix.O_PATH|unix.O_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { must(t, removeDeep(top)) })
	for range levels {
		must(t, what(dir), unix.Mkdirat(dir, "d", 0o700))
		next, err := unix.Openat(dir, "d", unix.O_PATH|unix.O_CLOEXEC, 0)
		must(t, err, unix.Close(dir))
		dir = next
	}
	must(t, unix.Close(dir))
	return top
}

// removeDeep removes such a folder. The standard library would need a descriptor a level.
func removeDeep(top string) error {
	first, next := filepath.Join(top, "d"), filepath.Join(top, "next")
	for {
		if err := os.Rename(filepath.Join(first, "d"), next); errors.Is(err, os.ErrNotExist) {
			return nil // the rest is shallow
		}
		if err := errors.Join(os.RemoveAll(first), os.Rename(next, first)); err != nil {
			return err
		}
	}
}

func put(dir int, name string) error {
	fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func TestManyLevels(t *testing.T) {
	t.Parallel()
	levels := thorough.Of(20_000, 4000)
	top := deepTree(t, levels, func(dir int) error { return put(dir, "f") })
	if m := limits(t, top); m.Sum.Seen != int64(2*levels)+1 || m.Sum.ModesChanged < int64(2*levels) {
		t.Errorf("%+v", m)
	}
	if m := limits(t, top); m.Sum.Seen != int64(2*levels)+1 || m.Sum.ModesChanged != 0 {
		t.Errorf("the second run: %+v", m)
	}
}

// TestDeepAndWide has more open folders than fit: each level has work left when the next
// one is entered.
func TestDeepAndWide(t *testing.T) {
	t.Parallel()
	const levels = 3000
	top := deepTree(t, levels, func(dir int) error {
		for _, name := range []string{"a", "e", "z"} {
			if err := errors.Join(unix.Mkdirat(dir, name, 0o700), put(dir, name+"/f"), put(dir, name+"-f")); err != nil {
				return err
			}
		}
		return nil
	})
	if m := limits(t, top); m.Sum.Seen != 10*levels+1 || m.Sum.Vanished != 0 {
		t.Errorf("%+v", m)
	}
	if m := limits(t, top); m.Sum.Seen != 10*levels+1 || m.Sum.ModesChanged != 0 {
		t.Errorf("the second run: %+v", m)
	}
	sum, err := ownership.ResetWithout(t.Context(), ownership.Request{Folder: top, Owner: other(), AllowRoot: true}, "openat2")
	if err != nil || sum.Seen != 10*levels+1 || sum.Vanished != 0 {
		t.Errorf("without openat2: %+v, %v", sum, err)
	}
}

// namesVar makes TestManyNames take that many, such as a million, on a real disk.
const namesVar = "IM2_OWNERSHIP_NAMES"

func TestManyNames(t *testing.T) {
	t.Parallel()
	var top string
	names := thorough.Of(80_000, 20_000)
	if text := os.Getenv(namesVar); text != "" {
		n, err := strconv.Atoi(text)
		must(t, err)
		names, top = n, t.TempDir()
	} else {
		top = inMemory(t)
	}
	dir, err := unix.Open(top, unix.O_PATH|unix.O_CLOEXEC, 0)
	must(t, err)
	for i := range names {
		must(t, put(dir, fmt.Sprintf("track-%07d.wav", i)))
	}
	must(t, unix.Close(dir))
	if m := limits(t, top); m.Sum.Seen != int64(names)+1 || m.Sum.ModesChanged < int64(names) {
		t.Errorf("%+v", m)
	}
	if m := limits(t, top); m.Sum.Seen != int64(names)+1 || m.Sum.ModesChanged != 0 {
		t.Errorf("the second run: %+v", m)
	}
}
