//go:build unix

package spool

import (
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A lateDisk makes one file or folder after something else was done, and in the folder that this returns.
type lateDisk struct {
	place.Disk
	before func() string
}

func (d *lateDisk) Temp(dir string, data []byte, sync bool) (string, error) {
	before := d.before
	if before == nil {
		return d.Disk.Temp(dir, data, sync)
	}
	d.before = nil
	path, err := d.Disk.Temp(before(), data, sync)
	return filepath.Join(dir, filepath.Base(path)), err
}

func (d *lateDisk) Mkdir(path string) error {
	before := d.before
	if before == nil {
		return d.Disk.Mkdir(path)
	}
	d.before = nil
	return d.Disk.Mkdir(filepath.Join(before(), filepath.Base(path)))
}

// A file server makes what it was asked for when a worker is connected again, in the folder that the job has by then.
func TestWhatIsMadeAfterTheJobMovedOnIsRemoved(t *testing.T) {
	t.Parallel()
	for what, do := range map[string]func(j *Job) error{
		"a renewal": func(j *Job) error { return j.Renew() },
		"a record":  func(j *Job) error { return j.Save() },
		"a file":    func(j *Job) error { return j.Write(nil, "x") },
		"a folder":  func(j *Job) error { return j.Mkdir(job.WorkFolder) },
		"a reason":  func(j *Job) error { return j.disk().PutText(j.spool.reasonPath("x"), "x", j.Dir()) },
	} {
		s := newSpool(t)
		j := claimed(t, s, "song", "stale")
		late := &lateDisk{s.disk.Disk, func() string {
			_, err := s.Recovery("stale", job.Separating).Own(job.Separating)
			spooltest.Must(t, err)
			other, err := s.Claim(t.Context(), job.Pending, job.Separating, "other")
			spooltest.Must(t, err)
			spooltest.Must(t, other.Move(job.Separated))
			other, err = s.Claim(t.Context(), job.Separated, job.Organizing, "other")
			spooltest.Must(t, err)
			spooltest.Must(t, s.disk.Remove(other.Path(job.SourceFile)))
			spooltest.Must(t, other.Finish())
			return other.Dir()
		}}
		j.spool = on(late, s.data, s.now, s.token) // Another process.
		if err := do(j); err == nil {
			t.Errorf("%s: no error", what)
		}
		wantOnlyIn(t, s, j.ID, job.Done)
		spooltest.WantNames(t, s.jobFolder(job.Done, j.ID), job.RecordFile)
		spooltest.WantNames(t, s.RejectedFiles())
	}
}
