//go:build linux

package prune

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/spooltest"
)

// Where a folder was moved away and something else has its place, the songs in it are gone for their jobs, and what is there stays.
func TestSongsThatWereMovedAway(t *testing.T) {
	t.Parallel()
	for _, moved := range []string{"Band", "Band/First", "Band/First/01 x", "flat"} {
		for what, put := range map[string]func(path string) error{
			"a link": func(path string) error {
				return os.Symlink(strings.Repeat("../", strings.Count(moved, "/"))+"../elsewhere", path)
			},
			"a link to nowhere": func(path string) error { return os.Symlink("nowhere", path) },
			"a file":            func(path string) error { return os.WriteFile(path, []byte("mine"), 0o644) },
		} {
			t.Run(moved+", "+what, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				for _, track := range []string{"Band/First/01 x", "Band/First/02 y", "flat"} {
					b.done(track, longAgo)
				}
				path := filepath.Join(b.data, "output", moved)
				b.must(os.Rename(path, filepath.Join(b.data, "elsewhere")))
				b.must(put(path))
				stay := slices.DeleteFunc(b.names(), func(name string) bool { return !strings.HasPrefix(name, "elsewhere/") && name != "output/"+moved })
				r := b.run(Options{})
				b.wantNames(stay...)
				if len(r.Problems) > 0 || r.Counts[Done].Items != 3 {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

// What cannot be read or changed is told once for the folder of an artist, and the records of its songs stay.
func TestAFolderThatIsShutIsToldOnce(t *testing.T) {
	t.Parallel()
	for shut, modes := range map[string][]fs.FileMode{"Band": {0, 0o600}, "Band/First": {0, 0o500, 0o600}} {
		for _, mode := range modes {
			t.Run(fmt.Sprintf("%s, %o", shut, mode), func(t *testing.T) {
				t.Parallel()
				b := newBenchIn(t, spooltest.AsNobody(t))
				for _, track := range []string{"Band/First/01 x", "Band/First/02 y", "Band/First/03 z"} {
					b.done(track, longAgo)
				}
				b.must(os.RemoveAll(filepath.Join(b.data, "archive")))
				stay := b.names()
				b.done("Other/First/01 x", longAgo)
				b.must(os.Chmod(filepath.Join(b.data, "output", shut), mode))
				r := b.run(Options{})
				b.must(os.Chmod(filepath.Join(b.data, "output", shut), 0o700))
				b.wantNames(stay...)
				if len(r.Problems) != 1 || !strings.HasPrefix(r.Problems[0], `output/"Band`) || !strings.Contains(r.Problems[0], "permission denied") {
					t.Errorf("problems: %q", r.Problems)
				}
			})
		}
	}
}
