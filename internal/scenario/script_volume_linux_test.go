package scenario_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// cmdVolume makes a folder a file system of its own, so large and no larger, until the script ends or unmounts it.
func cmdVolume(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "volume DIR SIZE")
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(unix.Mount("im2", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size="+args[1]))
	// What runs in it still is removed before, since it was asked for before.
	ts.Defer(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); !errors.Is(err, unix.EINVAL) { // it is no mount any more
			ts.Check(err)
		}
	})
}

// cmdFill takes all the room that a folder's file system has, but for so many bytes.
func cmdFill(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "fill FILE BYTES-LEFT")
	left := int64(number(ts, args[1]))
	path := ts.MkAbs(args[0])
	f, err := os.Create(path)
	ts.Check(err)
	defer f.Close() //nolint:errcheck // a full disk is what this is about
	if _, err = io.Copy(f, endless{}); !errors.Is(err, unix.ENOSPC) {
		ts.Fatalf("filling %s: %v", filepath.Dir(path), err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	ts.Check(err)
	ts.Check(f.Truncate(max(0, size-left)))
}

// endless are zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
