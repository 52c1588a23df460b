// Package spooltest is what the tests of the services have in common: files and folders as they
// should be. It imports no other package of the pipeline, so that all of them can be tested with it.
package spooltest

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"testing"
)

// Must ends the test at an error.
func Must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Put writes a file with the mode that all files of the pipeline have.
func Put(t *testing.T, path, content string) {
	t.Helper()
	Must(t, os.WriteFile(path, []byte(content), 0o644))
}

// WantText checks what a file holds.
func WantText(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

// WantNames checks what lies in a folder, in any order.
func WantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	Must(t, err)
	got := make([]string, 0, len(entries))
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%s holds %q; want %q", dir, got, want)
	}
}

// FullFFmpeg is an ffmpeg that makes and reads files of all kinds for tests: $IM2_FULL_FFMPEG, else the one in PATH. The
// image's has what the worker asks of it, and no more.
func FullFFmpeg() string { return cmp.Or(os.Getenv("IM2_FULL_FFMPEG"), "ffmpeg") }

// Required reports that nothing may be left out here: these are the tests' own container, where
// they run as the app user, with ffmpeg.
func Required() bool { return os.Getenv("IM2_REQUIRE_FFMPEG") == "1" }

// LeaveOut skips a test with the reason, or fails it where nothing may be left out.
func LeaveOut(t *testing.T, format string, args ...any) {
	t.Helper()
	if Required() {
		t.Fatalf("IM2_REQUIRE_FFMPEG=1 and this cannot be tested: "+format, args...)
	}
	t.Skipf("LEFT OUT: "+format, args...)
}

// NeedUnprivileged leaves out a test that root cannot run, since root may read everything.
func NeedUnprivileged(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		LeaveOut(t, "what cannot be written or read, because this is root; run the tests as another user")
	}
}
