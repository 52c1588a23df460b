//go:build unix

package scenario_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdOwned fails unless everything in a folder, itself included, has the owner and the
// modes 755 and 644.
func cmdOwned(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "owned DIR UID:GID")
	files := 0
	err := filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		want := os.FileMode(0o644)
		if d.IsDir() {
			want = 0o755
		} else {
			files++
		}
		if owner := fmt.Sprintf("%d:%d", stat.Uid, stat.Gid); owner != args[1] || info.Mode().Perm() != want {
			ts.Fatalf("%s belongs to %s with mode %o, want %s and %o", path, owner, info.Mode().Perm(), args[1], want)
		}
		return nil
	})
	ts.Check(err)
	if files == 0 {
		ts.Fatalf("%s has no files", args[0])
	}
}
