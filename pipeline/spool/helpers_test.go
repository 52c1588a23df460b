//go:build unix

package spool

import (
	"os"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// strayEvery is that of the leases in most tests.
var strayEvery = (&Spool{times: lease.Default}).strayEvery()

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
	spooltest.Put(t, j.Path(job.SourceFile), "sound of "+name)
	spooltest.Must(t, j.Move(job.Pending))
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

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
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
