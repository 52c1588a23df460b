//go:build unix

package spool

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// asked counts how often the disk is asked about the pause, and fails then if it is to.
type asked struct {
	place.Disk
	times int
	err   error
}

func (a *asked) Lstat(path string) (fs.FileInfo, error) {
	if strings.HasSuffix(path, "/paused.json") {
		if a.times++; a.err != nil {
			return nil, a.err
		}
	}
	return a.Disk.Lstat(path)
}

// While the data folder is paused, nothing is claimed for separation, whatever the last listing was; all else goes on.
func TestAPausedQueue(t *testing.T) {
	t.Parallel()
	s, ctx := newSpool(t), t.Context()
	disk := &asked{Disk: s.disk.Disk}
	s.disk.Disk = disk
	claim := func() (*Job, error) { return s.Claim(ctx, job.Pending, job.Separating, "w") }
	if _, err := claim(); !errors.Is(err, ErrNone) || disk.times != 0 {
		t.Fatalf("claim of none = %v, asked %d times; want it not asked where nothing waits", err, disk.times)
	}
	s.backlog[job.Pending].valid = 0 // Not the listing of before.
	oldest := pending(t, s, "1")
	pending(t, s, "2")
	mine, err := claim()
	spooltest.Must(t, err)
	if disk.times != 1 {
		t.Errorf("asked %d times; want once for a claim", disk.times)
	}
	spooltest.Must(t, pause.Set(s.data, "anna", -1, -1))
	for range 3 {
		if _, err := claim(); !errors.Is(err, ErrPaused) {
			t.Errorf("claim = %v; want ErrPaused", err)
		}
	}
	if ids, err := s.List(job.Pending); len(ids) != 1 || err != nil {
		t.Errorf("%v wait, %v", ids, err)
	}
	spooltest.Must(t, mine.Move(job.Separated)) // What it has it finishes.
	j, err := s.Claim(ctx, job.Separated, job.Organizing, "o")
	spooltest.Must(t, err)
	spooltest.Must(t, j.Finish())
	if j.ID != oldest.ID {
		t.Errorf("organized %s; want %s", j.ID, oldest.ID)
	}
	early := s.jobFolder(job.Pending, "20200101T000000.000000Z-00000000")
	spooltest.Must(t, os.Mkdir(early, place.FolderMode))
	spooltest.Put(t, early+"/job.json", `{"id": "20200101T000000.000000Z-00000000", "name": "early"}`)
	spooltest.Must(t, pause.Clear(s.data))
	if j, err = claim(); err != nil || j.Name != "early" {
		t.Errorf("after the pause: %v, %v; want the oldest", j, err)
	}
	disk.err = syscall.EIO
	if _, err := claim(); !errors.Is(err, syscall.EIO) {
		t.Errorf("claim = %v; want EIO: nobody knows whether it is paused", err)
	}
}
