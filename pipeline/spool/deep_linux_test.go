package spool

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// Folders in one another, which take more descriptors than there are if each is held open, hold no job back.
func TestDeepFoldersHoldNoJobBack(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]struct {
		do func(j *Job) error
		in job.Stage
	}{
		"requeue":  {func(j *Job) error { return j.Requeue("it failed") }, job.Pending},
		"handback": {func(j *Job) error { return j.HandBack("it was told to stop") }, job.Pending},
		"fail":     {func(j *Job) error { return j.Fail(errors.New("no sound")) }, job.Failed},
		"reject":   {func(j *Job) error { return j.Reject(j.Path(job.SourceFile), "no sound") }, job.Rejected},
		"finish":   {func(j *Job) error { return j.Finish() }, job.Done},
		"own": {func(j *Job) error {
			_, err := j.spool.Recovery("w", job.Separating).Own(job.Separating)
			return err
		}, job.Pending},
		"damaged": {func(j *Job) error {
			if err := os.Remove(j.Path(job.RecordFile)); err != nil {
				return err
			}
			_, err := j.spool.Recovery("w", job.Separating).Own(job.Separating)
			if errors.Is(err, ErrDamaged) {
				return nil
			}
			return err
		}, job.Failed},
	} {
		t.Run(what, func(t *testing.T) {
			if !spooltest.Alone(t) {
				return
			}
			s := asNobody(t)
			j := claimed(t, s, "song", "w")
			for _, name := range []string{job.WorkFolder, job.StemsFolder, place.TempPrefix + "x"} {
				spooltest.DeepFolders(t, j.Path(name), 3000, 0o755)
			}
			spooltest.LimitFiles(t, 64)
			spooltest.Must(t, end.do(j))
			wantOnlyIn(t, s, j.ID, end.in)
			for _, name := range []string{job.WorkFolder, place.TempPrefix + "x"} {
				if dir := s.jobFolder(end.in, j.ID); place.Exists(dir + "/" + name) {
					t.Errorf("%s is there", name)
				}
			}
		})
	}
}

// However many entries cannot be removed, the error has an end.
func TestTheErrorOfManyEntriesIsShort(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("skipped: needs root, to make folders of another user")
	}
	s := asNobody(t)
	j := claimed(t, s, "song", "w")
	spooltest.AsRoot(t)
	for i := range 300 {
		spooltest.Must(t, os.MkdirAll(j.Path(place.TempPrefix+strconv.Itoa(i), "x"), place.FolderMode))
	}
	spooltest.Must(t, unix.Setfsuid(spooltest.Nobody))
	if err := j.Clear(); err == nil || len(err.Error()) > 4<<10 || !strings.Contains(err.Error(), "and 290 more errors") {
		t.Errorf("error = %.5000v", err)
	}
}

// Of many folders that take long, no more than one is waited for.
func TestFoldersThatAreRefilledAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "w")
	for _, name := range []string{"1", "2", "3"} {
		spooltest.Must(t, os.Mkdir(j.Path(place.TempPrefix+name), place.FolderMode))
	}
	d := &refilled{Disk: s.disk.Disk}
	s.disk = place.Placer{Disk: d}
	spooltest.Must(t, j.Requeue("it failed"))
	wantOnlyIn(t, s, j.ID, job.Pending)
	if d.emptied != 1 {
		t.Errorf("%d folders were emptied", d.emptied)
	}
}

// refilled is a disk whose folders are filled as fast as they are emptied.
type refilled struct {
	place.Disk
	emptied int
}

func (d *refilled) RemoveAll(string) error {
	d.emptied++
	return place.ErrRefilled
}
