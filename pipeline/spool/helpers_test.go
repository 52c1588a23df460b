//go:build unix

package spool

import (
	"os"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

func newSpool(t *testing.T) *Spool {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pending makes a job that waits in Pending, with the source "sound of NAME".
func pending(t *testing.T, s *Spool, name string) *Job {
	t.Helper()
	j, err := s.Create("watcher")
	if err != nil {
		t.Fatal(err)
	}
	j.SetName(name)
	writeFile(t, j.Path(job.SourceFile), "sound of "+name)
	must(t, j.Move(job.Pending))
	return j
}

// claimed makes a job that worker has in Separating.
func claimed(t *testing.T, s *Spool, name, worker string) *Job {
	t.Helper()
	pending(t, s, name)
	j, err := s.Claim(t.Context(), job.Pending, job.Separating, worker)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), place.FileMode))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wantNames checks what lies in a folder.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%s holds %q; want %q", dir, got, want)
	}
}

// wantOnlyIn checks the invariant: the job is in this stage and in no other.
func wantOnlyIn(t *testing.T, s *Spool, id string, stage job.Stage) {
	t.Helper()
	var got []job.Stage
	for _, in := range job.Stages {
		ids, _ := s.List(in) // Tests take folders away.
		for _, there := range ids {
			if there == id {
				got = append(got, in)
			}
		}
	}
	if len(got) != 1 || got[0] != stage {
		t.Errorf("job %s is in %v; want it in %s alone", id, got, stage)
	}
}

// needUnprivileged skips a test that root cannot run, since root may write everywhere. Where
// the tests run as the app user (IM2_REQUIRE_FFMPEG=1), that is a failure.
func needUnprivileged(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if os.Getenv("IM2_REQUIRE_FFMPEG") == "1" {
		t.Fatal("IM2_REQUIRE_FFMPEG=1 and this is root: run the tests as the app user")
	}
	t.Skip("LEFT OUT: what cannot be written or read, because this is root; run the tests as another user")
}
