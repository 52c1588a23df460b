//go:build unix

package ownership_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/ownership"
)

// other is an owner that nobody here is, where we may give things away.
func other() ownership.Owner {
	if os.Geteuid() == 0 {
		return ownership.Owner{UID: 23456, GID: 34567}
	}
	return self()
}

func self() ownership.Owner {
	return ownership.Owner{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
}

func check(t *testing.T, path string, owner ownership.Owner, mode os.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	if stat.Uid != owner.UID || stat.Gid != owner.GID {
		t.Errorf("%s belongs to %d:%d, want %d:%d", path, stat.Uid, stat.Gid, owner.UID, owner.GID)
	}
	if got := info.Mode() & (os.ModePerm | os.ModeSetuid | os.ModeSetgid | os.ModeSticky); got != mode {
		t.Errorf("%s has mode %v, want %v", path, got, mode)
	}
}

// must fails the test on the first error.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestResetSetsEverythingBelow(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, nil, 0o600))
	data := t.TempDir()
	deep := filepath.Join(data, "a", "-rf")
	must(t, os.MkdirAll(deep, 0o700))
	odd := filepath.Join(deep, "new\nline \xff.mp3")
	must(t, os.WriteFile(odd, nil, 0o600), os.Chmod(odd, 0o777|os.ModeSetuid))
	unreadable := filepath.Join(data, "unreadable")
	must(t, os.WriteFile(unreadable, nil, 0o600), os.Chmod(unreadable, 0o000))
	must(t, os.Symlink(outside, filepath.Join(data, "link")), os.Symlink("..", filepath.Join(data, "up")))
	must(t, syscall.Mkfifo(filepath.Join(data, "pipe"), 0o600))

	owner := other()
	sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: data, Owner: owner})
	if err != nil || len(sum.Problems) != 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if sum.Seen != 8 {
		t.Errorf("saw %d entries, want 8", sum.Seen)
	}
	for _, folder := range []string{data, filepath.Join(data, "a"), deep} {
		check(t, folder, owner, 0o755)
	}
	check(t, odd, owner, 0o644)
	check(t, unreadable, owner, 0o644)
	check(t, outside, self(), 0o600)
	check(t, filepath.Join(data, "link"), owner, 0o777)
	check(t, filepath.Join(data, "pipe"), owner, 0o600)

	again, err := ownership.Reset(t.Context(), ownership.Request{Folder: data, Owner: owner})
	if err != nil || again.OwnersChanged != 0 || again.ModesChanged != 0 {
		t.Errorf("the second run changed something: %+v, %v", again, err)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	file := filepath.Join(data, "file")
	must(t, os.Chmod(data, 0o755), os.WriteFile(file, nil, 0o600))
	sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: data, Owner: self(), AllowRoot: true, DryRun: true})
	if err != nil || sum.ModesChanged != 1 || sum.OwnersChanged != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	check(t, file, self(), 0o600)
}

func TestSetgidFoldersStayAsGNUChmodKeepsThem(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	must(t, os.Chmod(data, 0o775|os.ModeSetgid))
	_, err := ownership.Reset(t.Context(), ownership.Request{Folder: data, Owner: self(), AllowRoot: true})
	must(t, err)
	check(t, data, self(), 0o755|os.ModeSetgid)
}

func TestInterruptedReset(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ownership.Reset(ctx, ownership.Request{Folder: t.TempDir(), Owner: self(), AllowRoot: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestUnprivilegedProblemsAreNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("LEFT OUT: what is refused, because root may give files away; run the tests as another user")
	}
	data := t.TempDir()
	must(t, os.WriteFile(filepath.Join(data, "file"), nil, 0o600))
	sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: data, Owner: ownership.Owner{UID: 1, GID: 1}})
	if err != nil || len(sum.Problems) != 2 || sum.Problems[1].Path != "file" {
		t.Errorf("%+v, %v", sum, err)
	}
}

func TestOtherModes(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	file := filepath.Join(data, "file")
	must(t, os.WriteFile(file, nil, 0o644))
	req := ownership.Request{Folder: data, Owner: self(), AllowRoot: true, FolderMode: 0o750, FileMode: 0o640}
	sum, err := ownership.Reset(t.Context(), req)
	if err != nil || sum.ModesChanged != 2 {
		t.Errorf("%+v, %v", sum, err)
	}
	check(t, data, self(), 0o750)
	check(t, file, self(), 0o640)
	for says, wrong := range map[string]ownership.Request{
		"setting FolderMode 0644: ":  {FolderMode: 0o644},
		"setting FolderMode 01755: ": {FolderMode: 0o1755},
		"setting FileMode 04755: ":   {FileMode: 0o4755},
		"setting FileMode ":          {FileMode: os.ModeSetuid | 0o755},
	} {
		wrong.Folder, wrong.Owner, wrong.AllowRoot = data, self(), true
		if _, err := ownership.Reset(t.Context(), wrong); !errors.Is(err, ownership.ErrMode) || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("modes %v and %v: %v", wrong.FolderMode, wrong.FileMode, err)
		}
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	data := filepath.Join(root, "data")
	deep := filepath.Join(data, "models", "demucs")
	folders := []string{data, filepath.Join(data, "models"), deep}
	for range 2 { // making them, then finding them right
		must(t, ownership.Ensure(root, folders, other()))
		for _, f := range folders {
			check(t, f, other(), 0o755)
		}
	}
}

func TestEnsureRefusesWhatIsNoFolder(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		make func(path string) error
	}{
		{"a file", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
		{"a link to a folder", func(path string) error { return os.Symlink(os.TempDir(), path) }},
		{"a dangling link", func(path string) error { return os.Symlink("nowhere", path) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			data := filepath.Join(root, "data")
			must(t, c.make(data))
			err := ownership.Ensure(root, []string{data}, self())
			var refusal *ownership.RefusedError
			if !errors.As(err, &refusal) || !errors.Is(err, ownership.ErrNotFolder) || !strings.Contains(err.Error(), data) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestResetBelow(t *testing.T) {
	t.Parallel()
	data, outside := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(data, "a", "b"), 0o700), os.MkdirAll(filepath.Join(data, "c"), 0o700),
		os.WriteFile(filepath.Join(data, "a", "b", "file"), nil, 0o600), os.WriteFile(filepath.Join(data, "c", "file"), nil, 0o600),
		os.WriteFile(filepath.Join(outside, "file"), nil, 0o600), os.Symlink(outside, filepath.Join(data, "out")))
	below := func(name string) ownership.Request {
		return ownership.Request{Folder: data, Below: name, Owner: other()}
	}
	sum, err := ownership.Reset(t.Context(), below(filepath.Join("a", "b")))
	if err != nil || sum.Seen != 2 || len(sum.Problems) != 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	check(t, filepath.Join(data, "a", "b"), other(), 0o755)
	check(t, filepath.Join(data, "a", "b", "file"), other(), 0o644)
	check(t, filepath.Join(data, "a"), self(), 0o700)
	check(t, filepath.Join(data, "c", "file"), self(), 0o600)

	must(t, os.Symlink("../nowhere", filepath.Join(data, "dangling")))
	file := filepath.Join("c", "file")
	for name, reason := range map[string]error{
		"out": ownership.ErrOutside, "dangling": ownership.ErrOutside, "../x": ownership.ErrOutside, outside: ownership.ErrOutside,
		"c/../../" + filepath.Base(data): ownership.ErrOutside, file: ownership.ErrNotFolder, file + "/x": ownership.ErrNotFolder,
		"missing": os.ErrNotExist,
	} {
		sum, err := ownership.Reset(t.Context(), below(name))
		var refusal *ownership.RefusedError
		if !errors.As(err, &refusal) || !errors.Is(err, reason) || sum.Skipped == nil || sum.Problems == nil {
			t.Errorf("%s: got %+v, %v, want %v", name, sum, err, reason)
		}
	}
	check(t, filepath.Join(outside, "file"), self(), 0o600)
	must(t, os.Remove(filepath.Join(data, "dangling")))

	if sum, err := ownership.Reset(t.Context(), below(".")); err != nil || sum.Seen != 7 {
		t.Errorf("%+v, %v", sum, err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	for _, ctx := range []context.Context{canceled, late} {
		if _, err := ownership.Reset(ctx, below("a")); !errors.Is(err, ctx.Err()) || !strings.Contains(err.Error(), filepath.Join(data, "a")+":") {
			t.Errorf("got %v", err)
		}
	}
}

func TestParseOwner(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ownership.Owner{"1000:20": {UID: 1000, GID: 20}, "0:0": {}, "4294967295:1": {UID: 4294967295, GID: 1}} {
		if got, err := ownership.ParseOwner(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "1:", ":1", "01:2", "1:02", "+1:2", "1:2:3", "1: 2", "-1:2", "4294967296:1", "app:app", "1_0:1"} {
		_, err := ownership.ParseOwner(text)
		var refusal *ownership.RefusedError
		want := `reading owner "` + text + `": it must be UID:GID, two decimal numbers such as 1000:1000`
		if !errors.As(err, &refusal) || !errors.Is(err, ownership.ErrOwner) || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestConcurrentResets(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for i := range 500 {
		must(t, os.WriteFile(filepath.Join(data, strconv.Itoa(i)), nil, 0o600))
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: data, Owner: other(), AllowRoot: true}); err != nil || len(sum.Problems) != 0 {
				t.Errorf("%d problems, %v", len(sum.Problems), err)
			}
		})
	}
	all.Wait()
	check(t, filepath.Join(data, "0"), other(), 0o644)
}
