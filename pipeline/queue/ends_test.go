//go:build unix

package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
)

// What ended before the first look is not told; each one that ends later is told once, and again if it ends again.
func TestWhatEndsIsFoundOnce(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	folder := func(stage job.Stage, n int) string {
		return filepath.Join(data, "queue", string(stage), fmt.Sprintf("20260102T030405.%06dZ-00000000", n))
	}
	put := func(stage job.Stage, n int) {
		dir := folder(stage, n)
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "job.json"), []byte(`{"id": "`+filepath.Base(dir)+`", "name": "a.mp3"}`), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	ends := New(data).Ends(job.Done, job.Failed)
	want := func(most int, want ...string) {
		t.Helper()
		ended, err := ends.Look(t.Context(), most)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, j := range ended {
			got = append(got, string(j.Stage)+j.ID[21:22])
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("ended: %v; want %v", got, want)
		}
	}
	put(job.Done, 1)
	want(9)
	put(job.Done, 2)
	put(job.Done, 3)
	put(job.Failed, 4)
	put(job.Rejected, 5)
	want(2, "done2", "done3")
	want(2, "failed4")
	want(2)
	if ends.Counts()[job.Done] != 3 || ends.Counts()[job.Failed] != 1 {
		t.Errorf("counts = %v", ends.Counts())
	}
	if err := os.Rename(folder(job.Failed, 4), filepath.Join(data, "again")); err != nil {
		t.Fatal(err)
	}
	want(2)
	put(job.Failed, 4)
	want(2, "failed4")
}
