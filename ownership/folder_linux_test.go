package ownership_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/ownership"
)

func TestFoldersThatAreRefused(t *testing.T) {
	// Not parallel: it sets HOME.
	base := t.TempDir()
	home := filepath.Join(base, "people", "me")
	data := filepath.Join(home, "data")
	must(t, os.MkdirAll(data, 0o755))
	touch(t, 0o600, filepath.Join(base, "file"))
	must(t, os.Symlink(data, filepath.Join(base, "link")), os.Symlink("nowhere", filepath.Join(base, "dangling")))
	must(t, os.Symlink(filepath.Join(base, "people"), filepath.Join(base, "way")))
	t.Setenv("HOME", home)
	protected, notFolder := ownership.ErrProtected, ownership.ErrNotFolder
	cases := []struct {
		folder string
		reason error
		says   string
	}{
		{"", notFolder, "none is named"},
		{"/", protected, "the root of the file system"},
		{"//.//", protected, "the root of the file system"},
		{"/proc/self/root", notFolder, "not a folder"},
		{"/proc/self/root/etc", protected, "it is a system folder"},
		{"/etc", protected, "it is a system folder"},
		{"/etc/ssl", protected, "it is a system folder"},
		{"/proc/sys", protected, "it is a system folder"},
		{"/usr", protected, "it is a system folder"},
		{"/tmp", protected, "it is a system folder"},
		{"/var/lib", protected, "it is a system folder"},
		{"/home", protected, "it is a system folder"},
		{home, protected, "your home folder"},
		{filepath.Dir(home), protected, "your home folder"},
		{base, protected, "your home folder"},
		{filepath.Join(base, "way", "me"), protected, "your home folder"},
		{filepath.Join(base, "missing"), os.ErrNotExist, "no such file"},
		{filepath.Join(base, "file"), notFolder, "it is not a folder"},
		{filepath.Join(base, "link"), notFolder, "it is not a folder"},
		{filepath.Join(base, "dangling"), notFolder, "it is not a folder"},
	}
	for _, c := range cases {
		before := stateOf(t, home)
		_, err := ownership.Reset(t.Context(), ownership.Request{Folder: c.folder, Owner: other(), AllowRoot: true, DryRun: true})
		refused(t, err, c.reason, c.says)
		if now := stateOf(t, home); now != before {
			t.Errorf("%q: the home folder was changed", c.folder)
		}
	}
	for _, folder := range []string{data, filepath.Join(base, "way", "me", "data")} {
		if got, err := ownership.CheckFolder(folder); err != nil || got != data {
			t.Errorf("%s: %q, %v", folder, got, err)
		}
	}
}

func TestHomeUnderAnotherName(t *testing.T) {
	// Not parallel: it sets HOME.
	if !mounts(t) {
		return
	}
	base := t.TempDir()
	home, again := filepath.Join(base, "home"), filepath.Join(base, "again")
	must(t, os.Mkdir(home, 0o755), os.Mkdir(again, 0o755))
	mount(t, home, again, "", unix.MS_BIND, "")
	t.Setenv("HOME", home)
	_, err := ownership.CheckFolder(again)
	refused(t, err, ownership.ErrProtected, "the same folder as")
}

func TestOwnersThatAreRefused(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	cases := []struct {
		owner ownership.Owner
		root  bool
		says  string
	}{
		{ownership.Owner{UID: math.MaxUint32, GID: 1}, true, "do not change"},
		{ownership.Owner{UID: 1, GID: math.MaxUint32}, false, "do not change"},
		{ownership.Owner{UID: 0, GID: 1}, false, "needs AllowRoot"},
		{ownership.Owner{UID: 1, GID: 0}, false, "needs AllowRoot"},
	}
	for _, c := range cases {
		before := stateOf(t, in)
		_, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: c.owner, AllowRoot: c.root})
		refused(t, err, ownership.ErrOwner, c.says)
		if stateOf(t, in) != before {
			t.Errorf("%+v: something was changed", c.owner)
		}
	}
}

func TestEnsureBeneathLinks(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "data"), 0o755), os.Symlink(outside, filepath.Join(root, "data", "models")))
	before := stateOf(t, outside)
	err := ownership.Ensure(root, []string{filepath.Join(root, "data"), filepath.Join(root, "data", "models", "demucs")}, other())
	refused(t, err, ownership.ErrNotFolder, "it is not a folder")
	refused(t, ownership.Ensure(root, []string{outside}, other()), ownership.ErrOutside, "it is not below")
	if stateOf(t, outside) != before {
		t.Error("a folder outside was changed")
	}
}
