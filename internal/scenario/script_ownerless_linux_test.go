package scenario_test

import (
	"errors"
	"os"
	"os/exec"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// askOwnerless reports whether a file system without owners can be mounted.
func askOwnerless() error {
	if os.Geteuid() != 0 {
		return errors.New("mounting a file system needs root")
	}
	return needPrograms("a file system without owners", map[string]string{"bindfs": "bindfs"})
}

// cmdOwnerless makes a folder a file system that takes owners and modes without a word and keeps none, as those of
// Windows servers (SMB) and of memory cards (vfat) do, until the script ends. All in it is root's.
func cmdOwnerless(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "ownerless DIR")
	dir, store := ts.MkAbs(args[0]), ts.MkAbs(args[0]+".store")
	for _, folder := range []string{dir, store} {
		ts.Check(os.MkdirAll(folder, 0o755))
	}
	text, err := exec.Command("bindfs", "--chown-ignore", "--chgrp-ignore", "--chmod-ignore",
		"--force-user=root", "--force-group=root", "-o", "allow_other,dev", store, dir).CombinedOutput() //nolint:gosec // of the script
	if err != nil {
		ts.Fatalf("bindfs: %v: %s", err, text)
	}
	ts.Defer(func() { ts.Check(unix.Unmount(dir, unix.MNT_DETACH)) })
}
