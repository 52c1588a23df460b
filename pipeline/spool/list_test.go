//go:build unix

package spool

import (
	"io/fs"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A listing disk counts how often a folder is listed.
type listing struct {
	place.Disk
	lists int
}

func (l *listing) ReadDir(path string) ([]fs.DirEntry, error) {
	l.lists++
	return l.Disk.ReadDir(path)
}

// Reading all jobs of a stage, and finding one that nobody has, takes as many listings however many jobs there are.
func TestJobsAreListedOnce(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	const n = 50
	for range n {
		claimed(t, s, "song", "worker")
	}
	waiting := pending(t, s, "other")
	disk := &listing{Disk: place.Local.Disk}
	s = on(disk, s.data, time.Now, job.NewToken)
	read := 0
	spooltest.Must(t, s.Each(job.Separating, func(j *Job, err error) error {
		read++
		if err == nil && j.Name != "song" {
			t.Errorf("name %q", j.Name)
		}
		return err
	}))
	if read != n || disk.lists != 1 {
		t.Errorf("%d jobs were read with %d listings", read, disk.lists)
	}
	j, err := s.Locate(waiting.ID)
	spooltest.Must(t, err)
	spooltest.Must(t, j.Move(job.Failed))
	disk.lists = 0
	if j, err := s.Locate(waiting.ID); err != nil || j.Stage() != job.Failed || disk.lists > 0 {
		t.Errorf("finding it: %v, %d listings", err, disk.lists)
	}
}

// A movingDisk does something once, before it lists a folder.
type movingDisk struct {
	place.Disk
	at   string
	once func()
}

func (d *movingDisk) ReadDir(path string) ([]fs.DirEntry, error) {
	if once := d.once; path == d.at && once != nil {
		d.once = nil
		once()
	}
	return d.Disk.ReadDir(path)
}

// A job that is given back while the stages are listed, to one that was, is found all the same.
func TestEveryFindsWhatIsGivenBackMeanwhile(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j, still := claimed(t, s, "moves", "w"), pending(t, s, "stays")
	disk := &movingDisk{s.disk.Disk, s.StageFolder(job.Separating), func() { spooltest.Must(t, j.HandBack("stopped")) }}
	found := map[string]int{}
	err := on(disk, s.data, s.now, s.token).Every(func(j *Job, err error) error {
		if err == nil {
			found[j.ID]++
		}
		return err
	})
	if err != nil || disk.once != nil || len(found) != 2 || found[j.ID] != 1 || found[still.ID] != 1 {
		t.Errorf("found %v, %v; want %s and %s", found, err, j.ID, still.ID)
	}
}
