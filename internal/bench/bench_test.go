package bench

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	c := Case{Results: []Result{
		{Way: "another", Runs: []Figures{{9, 8, 100, 0}, {1, 2, 300, 0}, {3, 4, 200, 9.75}}},
		{Way: Ours, Runs: []Figures{{2, 1, 5, 0}, {1, 1, 6, 0}, {0.5, 1, 7, 0}, {2, 1, 1, 0}}},
		{Way: "never ran"},
	}}
	c.summarize()
	another, ours, never := c.Results[0], c.Results[1], c.Results[2]
	if another.MedianSeconds != 3 || another.MedianCPUSeconds != 4 || another.PeakMemory != 300 || another.Ratio != 2 {
		t.Errorf("%+v", another)
	}
	if ours.MedianSeconds != 1.5 || ours.PeakMemory != 7 || ours.Ratio != 1 || never.MedianSeconds != 0 {
		t.Errorf("%+v, %+v", ours, never)
	}
	if d := c.disturbed(); d < 0.5 || d > 0.53 { // 9.75 of 18.5 seconds
		t.Errorf("disturbed by %f", d)
	}
	header, rows := Permissions{Cases: []Case{c}}.Rows()
	if len(rows) != 3 || len(rows[0]) != len(header) || rows[0][5] != "2.00" {
		t.Errorf("%q, %q", header, rows)
	}
}

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
