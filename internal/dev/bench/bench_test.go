package bench

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestBusySeconds(t *testing.T) {
	t.Parallel()
	const stat = "cpu  100 20 300 9999 8888 4 5 600 70 80\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
	if got := busySeconds(stat); got < 10.28 || got > 10.30 {
		t.Errorf("got %f, want 10.29", got)
	}
	if got := busySeconds(""); got != 0 {
		t.Errorf("got %f of nothing", got)
	}
}

func TestTheTreeIsWhatItClaims(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ files, folders, wrong int }{{1000, 250, 10}, {7, 101, 1}, {50, 0, 1}, {101, 1, 2}} {
		tr := tree{root: t.TempDir(), files: c.files, folders: c.folders}
		var seen atomic.Int64
		if err := tr.make(t.Context(), func(int64) { seen.Add(1) }); err != nil {
			t.Fatal(err)
		}
		var files, folders int64
		err := filepath.WalkDir(tr.root, func(path string, _ os.DirEntry, err error) error {
			if strings.HasSuffix(path, ".wav") {
				files++
			} else {
				folders++
			}
			return err
		})
		if err != nil || files != int64(c.files) || seen.Load() != files || files+folders != tr.entries() {
			t.Errorf("%+v has %d files, %d folders, %d entries, %v", c, files, folders, tr.entries(), err)
		}
		if os.Geteuid() != 0 {
			continue // the rest gives files away
		}
		if err := tr.spoilSome(t.Context(), other(), 100); err != nil {
			t.Fatal(err)
		}
		wrong := 0
		err = filepath.WalkDir(tr.root, func(_ string, d os.DirEntry, err error) error {
			if info, _ := d.Info(); info.Mode().Perm() == 0o640 {
				wrong++
			}
			return err
		})
		if err != nil || wrong != c.wrong {
			t.Errorf("%+v has %d wrong files, want %d, %v", c, wrong, c.wrong, err)
		}
	}
}
