package ownership_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/ownership"
)

// row is a line of the research table: something in the folder and what becomes of it.
// Paths begin with "in/", the folder, or "out/", beside it.
type row struct {
	name  string
	root  bool // only root can make it or set it
	dark  bool // its owner may not read it: only root can set it without fchmodat2 and /proc
	make  func(t *testing.T, in, out string)
	right map[string]os.FileMode // path: mode; the owner is the wanted one
	left  []string               // paths that must stay as they are, to the change time
	skip  map[ownership.Skip]int64
	says  map[string]string // path: part of the problem's reason
}

func rows() []row {
	return slices.Concat(linkRows(), modeRows(), specialRows())
}

func linkRows() []row {
	link := func(from string) func(t *testing.T, in, out string) {
		return func(t *testing.T, in, out string) {
			t.Helper()
			touch(t, 0o600, filepath.Join(out, "file"), filepath.Join(out, "folder", "file"))
			must(t, os.Symlink(strings.ReplaceAll(from, "OUT", out), filepath.Join(in, "l")))
		}
	}
	outside := []string{"out", "out/file", "out/folder", "out/folder/file"}
	hard := func(pairs ...string) func(t *testing.T, in, out string) {
		return func(t *testing.T, in, _ string) {
			t.Helper()
			for i := 0; i < len(pairs); i += 2 {
				from := filepath.Join(filepath.Dir(in), pairs[i])
				to := filepath.Join(filepath.Dir(in), pairs[i+1])
				if _, err := os.Lstat(from); err != nil {
					touch(t, 0o600, from)
				}
				must(t, os.MkdirAll(filepath.Dir(to), 0o755), os.Link(from, to))
			}
		}
	}
	return []row{
		{name: "symlink to a file", make: link("OUT/file"), right: map[string]os.FileMode{"in/l": 0o777}, left: outside},
		{name: "symlink to a folder", make: link("OUT/folder"), right: map[string]os.FileMode{"in/l": 0o777}, left: outside},
		{name: "symlink upwards", make: link(".."), right: map[string]os.FileMode{"in/l": 0o777}, left: outside},
		{name: "dangling symlink", make: link("OUT/none"), right: map[string]os.FileMode{"in/l": 0o777}, left: outside},
		{
			name: "hard links in one folder", make: hard("in/a", "in/b", "in/a", "in/c"),
			right: map[string]os.FileMode{"in/a": 0o644, "in/b": 0o644, "in/c": 0o644},
		},
		{
			name: "hard links in several folders", make: hard("in/x/a", "in/y/b", "in/x/a", "in/z/z/c", "in/x/q", "in/x/r"),
			right: map[string]os.FileMode{"in/x/a": 0o644, "in/y/b": 0o644, "in/z/z/c": 0o644, "in/x/q": 0o644},
		},
		{
			name: "hard link to a foreign file", make: hard("out/a", "in/a"),
			left: []string{"out/a", "in/a"}, skip: map[ownership.Skip]int64{ownership.SkipHardLink: 1},
			says: map[string]string{"a": "it has 2 names and 1 of them in this folder"},
		},
		{
			name: "two hard links to a foreign file", make: hard("out/a", "in/a", "out/a", "in/x/b", "in/c", "in/d"),
			left: []string{"out/a", "in/a", "in/x/b"}, skip: map[ownership.Skip]int64{ownership.SkipHardLink: 1},
			right: map[string]os.FileMode{"in/c": 0o644, "in/d": 0o644},
		},
		{
			name: "hard link to a foreign symlink",
			make: func(t *testing.T, in, out string) {
				t.Helper()
				must(t, os.Symlink("nowhere", filepath.Join(out, "l")), os.Link(filepath.Join(out, "l"), filepath.Join(in, "l")))
			},
			root: true, left: []string{"out/l"}, skip: map[ownership.Skip]int64{ownership.SkipHardLink: 1},
		},
	}
}

func modeRows() []row {
	file := func(name string, mode os.FileMode) func(t *testing.T, in, out string) {
		return func(t *testing.T, in, _ string) {
			t.Helper()
			touch(t, mode, filepath.Join(in, name))
		}
	}
	folder := func(mode os.FileMode) func(t *testing.T, in, out string) {
		return func(t *testing.T, in, _ string) {
			t.Helper()
			touch(t, 0o600, filepath.Join(in, "d", "f"))
			must(t, os.Chmod(filepath.Join(in, "d"), mode))
		}
	}
	right := map[string]os.FileMode{"in/f": 0o644}
	below := func(mode os.FileMode) map[string]os.FileMode {
		return map[string]os.FileMode{"in": 0o755, "in/d": mode, "in/d/f": 0o644}
	}
	rows := []row{
		{name: "set-user-ID file", make: file("f", 0o755|os.ModeSetuid), right: right},
		{name: "set-group-ID file", make: file("f", 0o755|os.ModeSetgid), right: right},
		{name: "sticky file", make: file("f", 0o644|os.ModeSticky), right: right},
		{name: "file nobody may read", dark: true, make: file("f", 0), right: right},
		{name: "set-group-ID folder", make: folder(0o775 | os.ModeSetgid), right: below(0o755 | os.ModeSetgid)},
		{name: "sticky folder", make: folder(0o777 | os.ModeSticky), right: below(0o755)},
		{name: "folder nobody may enter", dark: true, make: folder(0), right: below(0o755)},
		{name: "folder one may not list", dark: true, make: folder(0o300), right: below(0o755)},
	}
	for _, name := range []string{"-rf", "--", "new\nline", "\xff\xfe", "x (deleted)", "...", "..a", strings.Repeat("n", 255), "a\tb"} {
		rows = append(rows, row{name: fmt.Sprintf("file called %.9q", name), make: file(name, 0o600), right: map[string]os.FileMode{"in/" + name: 0o644}})
	}
	return rows
}

func specialRows() []row {
	flag := func(what int, mode os.FileMode) func(t *testing.T, in, out string) {
		return func(t *testing.T, in, _ string) {
			t.Helper()
			touch(t, mode, filepath.Join(in, "f"), filepath.Join(in, "g"))
			setFlag(t, filepath.Join(in, "f"), what)
		}
	}
	node := func(mode uint32) func(t *testing.T, in, out string) {
		return func(t *testing.T, in, _ string) {
			t.Helper()
			must(t, syscall.Mknod(filepath.Join(in, "n"), mode|0o600, int(unix.Mkdev(1, 3))))
		}
	}
	return []row{
		{name: "fifo", make: node(syscall.S_IFIFO), right: map[string]os.FileMode{"in/n": 0o600}},
		{name: "socket", make: node(syscall.S_IFSOCK), right: map[string]os.FileMode{"in/n": 0o600}},
		{
			name: "device", root: true, make: node(syscall.S_IFCHR), left: []string{"in/n"},
			skip: map[ownership.Skip]int64{ownership.SkipDevice: 1}, says: map[string]string{"n": "it is a device"},
		},
		{
			name: "immutable file", root: true, make: flag(unix.STATX_ATTR_IMMUTABLE, 0o600), left: []string{"in/f"},
			right: map[string]os.FileMode{"in/g": 0o644}, says: map[string]string{"f": ""},
		},
		{
			name: "append-only file", root: true, make: flag(unix.STATX_ATTR_APPEND, 0o600), left: []string{"in/f"},
			right: map[string]os.FileMode{"in/g": 0o644}, says: map[string]string{"f": ""},
		},
		{
			name: "immutable folder", root: true, make: func(t *testing.T, in, _ string) {
				t.Helper()
				touch(t, 0o600, filepath.Join(in, "f", "g"))
				setFlag(t, filepath.Join(in, "f"), unix.STATX_ATTR_IMMUTABLE)
			}, left: []string{"in/f"}, right: map[string]os.FileMode{"in/f/g": 0o644}, says: map[string]string{"f": ""},
		},
	}
}

// setFlag is chattr +i or +a, undone at the end. The flags have the numbers that statx
// uses for them (linux/stat.h).
func setFlag(t *testing.T, path string, flag int) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer func() { _ = f.Close() }() // only read
	set := func(on bool) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // only read
		flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
		if err != nil {
			return err
		}
		flags &^= flag
		if on {
			flags |= flag
		}
		return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
	}
	if err := set(true); err != nil {
		t.Skipf("skipped: this file system has no such flags: %v", err)
	}
	t.Cleanup(func() { must(t, set(false)) })
}

// TestRows does every row on every kind of system, with change times that are settled
// and with some that are not.
func TestRows(t *testing.T) {
	t.Parallel()
	systems := [][]string{nil, {"openat2"}, {"statx"}, {"fchmodat2"}, {"fchmodat2", "proc"}, {"protected"}, {"listxattrat"}, ownership.Lacks()}
	for _, lacks := range systems {
		for _, r := range rows() {
			t.Run(r.name+" without "+strings.Join(lacks, ","), func(t *testing.T) {
				t.Parallel()
				r.test(t, lacks)
			})
		}
	}
}

func (r row) test(t *testing.T, lacks []string) {
	t.Helper()
	if r.root || r.dark && slices.Contains(lacks, "proc") {
		needsRoot(t, r.name)
	}
	base := t.TempDir()
	in, out := filepath.Join(base, "in"), filepath.Join(base, "out")
	must(t, os.Mkdir(in, 0o700), os.Mkdir(out, 0o700))
	r.make(t, in, out)
	if len(lacks)%2 == 0 {
		time.Sleep(60 * time.Millisecond)
	}
	before := map[string]state{}
	for _, path := range r.left {
		before[path] = stateOf(t, filepath.Join(base, path))
	}
	req := ownership.Request{Folder: in, Owner: other(), AllowRoot: true}
	dry := req
	dry.DryRun = true
	planned, err := ownership.ResetWithout(t.Context(), dry, lacks...)
	must(t, err)
	sum, err := ownership.ResetWithout(t.Context(), req, lacks...)
	must(t, err)
	for path, mode := range r.right {
		check(t, filepath.Join(base, path), req.Owner, mode)
	}
	for path, was := range before {
		if now := stateOf(t, filepath.Join(base, path)); now != was {
			t.Errorf("%s was %+v and is %+v", path, was, now)
		}
	}
	for why, n := range r.skip {
		if sum.Skipped[why] != n || planned.Skipped[why] != n {
			t.Errorf("skipped %v, planned %v, want %d for %s", sum.Skipped, planned.Skipped, n, why)
		}
	}
	if planned.OwnersChanged != sum.OwnersChanged && !slices.Contains(lacks, "statx") && os.Geteuid() == 0 {
		t.Errorf("changed %d owners, planned %d", sum.OwnersChanged, planned.OwnersChanged)
	}
	r.problems(t, sum)
	again, err := ownership.ResetWithout(t.Context(), req, lacks...)
	if err != nil || again.OwnersChanged != 0 || again.ModesChanged != 0 || again.Seen != sum.Seen {
		t.Errorf("the second run: %+v, %v", again, err)
	}
}

func (r row) problems(t *testing.T, sum ownership.Summary) {
	t.Helper()
	if len(r.skip)+len(r.says) == 0 && len(sum.Problems) != 0 {
		t.Errorf("problems %+v", sum.Problems)
	}
	for path, part := range r.says {
		if !slices.ContainsFunc(sum.Problems, func(p ownership.Problem) bool {
			return p.Path == path && strings.Contains(p.Reason, part)
		}) {
			t.Errorf("problems %+v, want %s with %q", sum.Problems, path, part)
		}
	}
}
