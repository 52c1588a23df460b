package ownership

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSettled(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 500_000_000)
	cases := []struct {
		name  string
		ago   time.Duration
		nsec  bool // or only whole seconds
		local bool
		want  bool
	}{
		{"old", time.Minute, true, true, true},
		{"just now", 20 * time.Millisecond, true, true, false},
		{"a moment ago", 60 * time.Millisecond, true, true, true},
		{"a moment ago, by another clock", 60 * time.Millisecond, true, false, false},
		{"a second ago, in seconds", 1500 * time.Millisecond, false, true, false},
		{"four seconds ago, in seconds", 4500 * time.Millisecond, false, true, true},
		{"in the future", -time.Hour, true, true, false},
	}
	for _, c := range cases {
		at := now.Add(-c.ago)
		id := identity{sec: at.Unix(), nsec: uint32(at.Nanosecond())}
		if !c.nsec {
			id.nsec = 0
		}
		if got := id.settled(now, c.local); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestIsMount(t *testing.T) {
	t.Parallel()
	const knows = unix.STATX_ATTR_MOUNT_ROOT
	here := unix.Statx_t{Dev_major: 8, Dev_minor: 1}
	cases := []struct {
		name string
		st   unix.Statx_t
		want bool
	}{
		{"the kernel says so", unix.Statx_t{Dev_major: 8, Dev_minor: 1, Attributes: knows, Attributes_mask: knows}, true},
		{"the kernel says no, as of a subvolume", unix.Statx_t{Dev_major: 0, Dev_minor: 9, Attributes_mask: knows}, false},
		{"an old kernel, same device", here, false},
		{"an old kernel, another device", unix.Statx_t{Dev_major: 8, Dev_minor: 2}, true},
	}
	for _, c := range cases {
		if got := isMount(&c.st, identify(&here).dev); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	if got := shorten("a/b"); got != "a/b" {
		t.Errorf("got %q", got)
	}
	long := strings.Repeat("a/", 4000) + "end"
	if got := shorten(long); len(got) != 4096 || !strings.HasPrefix(got, "a/a/") || !strings.HasSuffix(got, "/end") || !strings.Contains(got, "/.../") {
		t.Errorf("got %d bytes: %.20q", len(got), got)
	}
}

// TestFenceChangesNothing: renaming a name onto itself must have no effect whatever.
func TestFenceChangesNothing(t *testing.T) {
	t.Parallel()
	dir, err := unix.Open(t.TempDir(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := newSys(probe())
	defer s.close(s.self)
	defer s.close(dir)
	if err := unix.Mkdirat(dir, "folder", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Symlinkat("nowhere", dir, "link"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"folder", "link", "missing"} {
		var in, before, inNow, now unix.Statx_t
		s.look(dir, &in)
		errno := s.lookAt(dir, []byte(name+"\x00"), &before)
		if !s.fence(dir, []byte(name+"\x00")) {
			t.Errorf("%s: no fence", name)
		}
		s.look(dir, &inNow)
		if s.lookAt(dir, []byte(name+"\x00"), &now) != errno || identify(&now) != identify(&before) || identify(&in) != identify(&inNow) {
			t.Errorf("%s was %+v and is %+v", name, before, now)
		}
	}
}
