package ownership_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/ownership"
)

func TestMountsInsideAreNotCrossed(t *testing.T) {
	t.Parallel()
	if !mounts(t) {
		return
	}
	base := t.TempDir()
	in, out := filepath.Join(base, "in"), filepath.Join(base, "out")
	touch(t, 0o600, filepath.Join(out, "folder", "file"), filepath.Join(out, "file"), filepath.Join(in, "file"), filepath.Join(in, "own"))
	for _, name := range []string{"tmpfs", "folder", "above"} {
		must(t, os.MkdirAll(filepath.Join(in, name), 0o755))
	}
	mount(t, "none", filepath.Join(in, "tmpfs"), "tmpfs", 0, "mode=700")
	mount(t, filepath.Join(out, "folder"), filepath.Join(in, "folder"), "", unix.MS_BIND, "")
	mount(t, filepath.Join(out, "file"), filepath.Join(in, "file"), "", unix.MS_BIND, "")
	touch(t, 0o600, filepath.Join(in, "tmpfs", "file"))

	// Without openat2, what tells a mount is its attribute in statx; without statx, too,
	// only another file system is seen, as the documentation of isMount says.
	for _, lacks := range [][]string{nil, {"openat2"}, {"openat2", "fchmodat2", "proc"}} {
		left := []string{"in/tmpfs", "in/tmpfs/file", "in/folder", "in/folder/file", "in/file", "out/file", "out/folder/file"}
		before := map[string]state{}
		for _, path := range left {
			before[path] = stateOf(t, filepath.Join(base, path))
		}
		sum, err := ownership.ResetWithout(t.Context(), ownership.Request{Folder: in, Owner: other()}, lacks...)
		must(t, err)
		for path, was := range before {
			if now := stateOf(t, filepath.Join(base, path)); now != was {
				t.Errorf("without %v, %s was %+v and is %+v", lacks, path, was, now)
			}
		}
		if sum.Skipped[ownership.SkipMount] != 3 || sum.ProblemCount() != 3 || sum.Problems[0].Skip != ownership.SkipMount {
			t.Errorf("without %v: %+v", lacks, sum)
		}
		check(t, filepath.Join(in, "own"), other(), 0o644)
		must(t, os.Chmod(filepath.Join(in, "own"), 0o600))
	}
	sum, err := ownership.ResetWithout(t.Context(), ownership.Request{Folder: in, Owner: other()}, "openat2", "statx")
	if err != nil || sum.Skipped[ownership.SkipMount] != 1 {
		t.Errorf("with neither openat2 nor statx: %+v, %v", sum, err)
	}
}

func TestTheFolderItselfMayBeAMount(t *testing.T) {
	t.Parallel()
	if !mounts(t) {
		return
	}
	in := t.TempDir()
	mount(t, "none", in, "tmpfs", 0, "mode=700")
	touch(t, 0o600, filepath.Join(in, "file"))
	sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: other()})
	if err != nil || sum.OwnersChanged != 2 || sum.ProblemCount() != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	if !mounts(t) {
		return
	}
	in := t.TempDir()
	mount(t, "none", in, "tmpfs", 0, "mode=700")
	for _, name := range []string{"a", "b", "c/d", "c/e"} {
		touch(t, 0o600, filepath.Join(in, name))
	}
	req := ownership.Request{Folder: in, Owner: other()}
	readOnly := func(flags uintptr) { must(t, unix.Mount("", in, "", unix.MS_REMOUNT|flags, "")) }

	readOnly(unix.MS_RDONLY)
	sum, err := ownership.Reset(t.Context(), req)
	var refusal *ownership.RefusedError
	if !errors.Is(err, unix.EROFS) || errors.As(err, &refusal) || sum.ProblemCount() != 0 {
		t.Errorf("something to change: %+v, %v", sum, err)
	}
	below := req
	below.Below = "c"
	if _, err := ownership.Reset(t.Context(), below); !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), filepath.Join(in, "c")+":") {
		t.Errorf("something to change below: %v", err)
	}
	readOnly(0)
	_, err = ownership.Reset(t.Context(), req)
	must(t, err)
	readOnly(unix.MS_RDONLY)
	sum, err = ownership.Reset(t.Context(), req)
	if err != nil || sum.Seen != 6 || sum.ProblemCount() != 0 {
		t.Errorf("nothing to change: %+v, %v", sum, err)
	}
}

func TestOverlayDoesNotCopyUpWhatIsRight(t *testing.T) {
	t.Parallel()
	if !mounts(t) {
		return
	}
	base := t.TempDir()
	mount(t, "none", base, "tmpfs", 0, "mode=755") // an overlay on an overlay is refused, as in a container
	lower, upper, in := filepath.Join(base, "lower"), filepath.Join(base, "upper"), filepath.Join(base, "in")
	touch(t, 0o644, filepath.Join(lower, "d", "right"), filepath.Join(lower, "d", "wrong"), filepath.Join(upper, "x"), filepath.Join(base, "work", "x"), filepath.Join(in, "x"))
	must(t, os.WriteFile(filepath.Join(lower, "d", "right"), bytes.Repeat([]byte("x"), 1<<20), 0o600))
	owner := other()
	for _, path := range []string{lower, filepath.Join(lower, "d"), filepath.Join(lower, "d", "right"), upper, filepath.Join(upper, "x")} {
		must(t, os.Lchown(path, int(owner.UID), int(owner.GID)))
	}
	err := unix.Mount("overlay", in, "overlay", 0, "lowerdir="+lower+",upperdir="+upper+",workdir="+filepath.Join(base, "work"))
	if err != nil {
		t.Skipf("skipped: no overlay here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(in, unix.MNT_DETACH) })
	sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: owner})
	if err != nil || sum.OwnersChanged != 1 || sum.ProblemCount() != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	check(t, filepath.Join(in, "d", "wrong"), owner, 0o644)
	if _, err := os.Lstat(filepath.Join(upper, "d", "wrong")); err != nil {
		t.Errorf("the wrong file: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(upper, "d", "right")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the right file was copied up: %v", err)
	}
}

// oneUser is a user namespace in which only one ID, 0, exists.
func oneUser() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
}

func TestOwnerWithoutAMapping(t *testing.T) {
	t.Parallel()
	if !inside(t, oneUser()) {
		return
	}
	in := t.TempDir()
	_, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: ownership.Owner{UID: 4711, GID: 4712}})
	refused(t, err, ownership.ErrOwner, "UID 4711 is not mapped in this user namespace")
	touch(t, 0o600, filepath.Join(in, "f"))
	sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, AllowRoot: true})
	if err != nil || sum.ModesChanged != 1 || sum.ProblemCount() != 0 {
		t.Errorf("the one that is mapped: %+v, %v", sum, err)
	}
}

func TestEntriesWithoutAMapping(t *testing.T) {
	t.Parallel()
	needsRoot(t, "files of strangers")
	const folder = "IM2_OWNERSHIP_STRANGERS"
	in := os.Getenv(folder)
	if in == "" {
		in = t.TempDir()
		touch(t, 0o600, filepath.Join(in, "own"), filepath.Join(in, "stranger"))
		must(t, os.Lchown(filepath.Join(in, "stranger"), 4711, 4711))
	}
	if !inside(t, oneUser(), folder+"="+in) {
		return
	}
	sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, AllowRoot: true})
	if err != nil || sum.ProblemCount() != 1 || sum.Problems[0].Path != "stranger" || !strings.Contains(sum.Problems[0].Reason, "belongs to 65534:65534") {
		t.Errorf("%+v, %v", sum, err)
	}
}
