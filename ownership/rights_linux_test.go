package ownership_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/ownership"
)

const (
	capsAttribute   = "security.capability"
	accessAttribute = "system.posix_acl_access"
	presetAttribute = "system.posix_acl_default"
)

// list is an access control list as the kernel takes it (linux/posix_acl_xattr.h): the mode's bits, and the same for
// user 1234 as for the owner.
func list(mode uint16) []byte {
	text := binary.LittleEndian.AppendUint32(nil, 2)
	const none = ^uint32(0)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, mode >> 6, none}, {2, mode >> 6, 1234}, {4, mode >> 3 & 7, none}, {16, mode >> 3 & 7, none}, {32, mode & 7, none}} {
		text = binary.LittleEndian.AppendUint16(text, e.tag)
		text = binary.LittleEndian.AppendUint16(text, e.perm)
		text = binary.LittleEndian.AppendUint32(text, e.id)
	}
	return text
}

// capable are file capabilities (struct vfs_cap_data): all of them, permitted and effective.
func capable() []byte {
	text := binary.LittleEndian.AppendUint32(nil, 0x02000001)
	for range 2 {
		text = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(text, 0x1ff), 0)
	}
	return text
}

func has(path, attribute string) bool {
	_, err := unix.Lgetxattr(path, attribute, nil)
	return err == nil
}

// set sets an attribute, or skips the test where the file system has none.
func set(t *testing.T, path, attribute string, value []byte) {
	t.Helper()
	if err := unix.Lsetxattr(path, attribute, value, 0); err != nil {
		t.Skipf("skipped: %s cannot be set here: %v", attribute, err)
	}
}

// Owner and mode may be right, and a file still give capabilities to who runs it, or a folder's list make new files
// writable for others.
func TestRightsAreRemoved(t *testing.T) {
	t.Parallel()
	needsRoot(t, "file capabilities")
	base := t.TempDir()
	in, outside := filepath.Join(base, "in"), filepath.Join(base, "outside")
	path := func(name string) string { return filepath.Join(in, name) }
	files := []string{path("d/program"), path("d/song"), path("d/linked"), path("d/many"), path("d/right"), outside}
	touch(t, 0o644, files...)
	must(t, os.WriteFile(path("d/song"), []byte("notes"), 0o600), os.Chmod(path("d/song"), 0o644))
	must(t, os.Link(path("d/linked"), path("d/again")), os.Link(outside, path("d/foreign")), os.Symlink(outside, path("link")))
	for _, p := range append(files, in, path("d")) {
		must(t, os.Lchown(p, int(other().UID), int(other().GID)))
	}
	must(t, os.Lchown(path("link"), int(other().UID), int(other().GID)))
	must(t, os.Chmod(in, 0o755), os.Chmod(path("d"), 0o755))
	for _, p := range []string{path("d/program"), path("d/linked"), outside} {
		set(t, p, capsAttribute, capable())
	}
	set(t, path("d/song"), accessAttribute, list(0o644))
	set(t, path("d/song"), "user.title", []byte("kept"))
	for i := range 20 { // more names than are listed at once
		set(t, path("d/many"), "user."+strings.Repeat("x", 100)+string(rune('a'+i)), nil)
	}
	set(t, path("d/many"), capsAttribute, capable())
	set(t, path("d"), accessAttribute, list(0o755))
	set(t, path("d"), presetAttribute, list(0o777))
	set(t, in, presetAttribute, list(0o777))
	before := stateOf(t, path("d/right"))

	for _, lacks := range [][]string{{"proc"}, {"listxattrat"}, nil} { // Nothing is seen without /proc.
		req := ownership.Request{Folder: in, Owner: other(), AllowRoot: true, DryRun: true}
		sum, err := ownership.ResetWithout(t.Context(), req, lacks...)
		want := int64(6) // program, song, linked, many, d, in
		if slices.Contains(lacks, "proc") {
			want = 0
		}
		if err != nil || sum.RightsRemoved != want || sum.OwnersChanged+sum.ModesChanged != 0 || !has(path("d"), presetAttribute) {
			t.Errorf("a dry run without %v: %+v, %v", lacks, sum, err)
		}
	}
	for _, want := range []int64{6, 0} {
		sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: other(), AllowRoot: true})
		if err != nil || sum.RightsRemoved != want || sum.OwnersChanged+sum.ModesChanged != 0 || sum.Skipped[ownership.SkipHardLink] != 1 || sum.ProblemCount() != 1 {
			t.Errorf("%+v, %v", sum, err)
		}
	}
	for _, p := range append(files, in, path("d")) {
		for _, attribute := range []string{capsAttribute, accessAttribute, presetAttribute} {
			if foreign := p == outside && attribute == capsAttribute; has(p, attribute) != foreign {
				t.Errorf("%s: %s is %v", p, attribute, !foreign)
			}
		}
		mode := os.FileMode(0o644)
		if p == in || p == path("d") {
			mode = 0o755
		}
		check(t, p, other(), mode)
	}
	if text, err := os.ReadFile(path("d/song")); err != nil || string(text) != "notes" || !has(path("d/song"), "user.title") {
		t.Errorf("what else the file has: %q, %v", text, err)
	}
	if now := stateOf(t, path("d/right")); now != before {
		t.Errorf("what is right was changed: %+v, %+v", before, now)
	}
}

// On a file system that takes owners without effect, such as vfat with "quiet", each run said that it changed them.
func TestChangesWithoutEffect(t *testing.T) {
	t.Parallel()
	needsRoot(t, "giving files away")
	in := t.TempDir()
	touch(t, 0o644, filepath.Join(in, "a"), filepath.Join(in, "b"))
	must(t, os.Chmod(in, 0o755))
	stranger := ownership.Owner{UID: 4711, GID: 4712}
	for range 2 {
		sum, err := ownership.ResetWithout(t.Context(), ownership.Request{Folder: in, Owner: stranger}, "effect")
		if err != nil || sum.OwnersChanged != 0 || sum.ProblemCount() != 3 || !strings.Contains(sum.Problems[0].Reason, "has no effect here") || sum.Problems[0].Skip != "" {
			t.Errorf("%+v, %v", sum, err)
		}
	}
}

// What is read-only below the folder is skipped, and the rest is done.
func TestReadOnlyBelow(t *testing.T) {
	t.Parallel()
	if !mounts(t) {
		return
	}
	in := t.TempDir()
	touch(t, 0o600, filepath.Join(in, "a"), filepath.Join(in, "closed", "b"), filepath.Join(in, "d", "c"))
	mount(t, filepath.Join(in, "closed"), filepath.Join(in, "closed"), "", unix.MS_BIND, "")
	must(t, unix.Mount("", filepath.Join(in, "closed"), "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	// Without openat2 and statx a mount of the same file system is not seen to be one, as a read-only snapshot is none.
	for _, dry := range []bool{true, false} {
		sum, err := ownership.ResetWithout(t.Context(), ownership.Request{Folder: in, Owner: other(), DryRun: dry}, "openat2", "statx")
		if err != nil || sum.Skipped[ownership.SkipReadOnly] != 2 || sum.ProblemCount() != 2 || sum.OwnersChanged != 4 {
			t.Errorf("dry %v: %+v, %v", dry, sum, err)
		}
	}
	check(t, filepath.Join(in, "a"), other(), 0o644)
	check(t, filepath.Join(in, "d", "c"), other(), 0o644)

	root := in
	err := ownership.Ensure(root, []string{root, filepath.Join(root, "closed"), filepath.Join(root, "new")}, other())
	if !errors.Is(err, unix.EROFS) || !strings.Contains(err.Error(), filepath.Join(root, "closed")+":") {
		t.Errorf("got %v", err)
	}
	check(t, filepath.Join(in, "new"), other(), 0o755)

	must(t, unix.Mount("", filepath.Join(in, "closed"), "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	mount(t, in, in, "", unix.MS_BIND, "")
	must(t, unix.Mount("", in, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	stranger := ownership.Owner{UID: 4711, GID: 4712}
	if sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: stranger, DryRun: true}); !errors.Is(err, unix.EROFS) {
		t.Errorf("a dry run in a folder that is read-only: %+v, %v", sum, err)
	}
}
