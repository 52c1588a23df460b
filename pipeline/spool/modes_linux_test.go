package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// asNobody is spooltest.AsNobody with a spool of that user's.
func asNobody(t *testing.T) *Spool {
	t.Helper()
	s, err := Open(spooltest.AsNobody(t))
	spooltest.Must(t, err)
	return s
}

// Modes that this user can change hold no job back: neither its own folder's nor those of what was made in it.
func TestModesHoldNoJobBack(t *testing.T) {
	t.Parallel()
	for what, shut := range map[string]func(j *Job) error{
		"the folder, 000": func(j *Job) error { return os.Chmod(j.Dir(), 0) },
		"the folder, 500": func(j *Job) error { return os.Chmod(j.Dir(), 0o500) },
		"the folder, 300": func(j *Job) error { return os.Chmod(j.Dir(), 0o300) },
		"the record":      func(j *Job) error { return os.Chmod(j.Path(job.RecordFile), 0) },
		"the folder and the record": func(j *Job) error {
			if err := os.Chmod(j.Path(job.RecordFile), 0); err != nil {
				return err
			}
			return os.Chmod(j.Dir(), 0)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := asNobody(t)
			spooltest.Must(t, shut(pending(t, s, "song")))
			j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w")
			spooltest.Must(t, err)
			spooltest.Must(t, j.Requeue("it failed"))
			wantOnlyIn(t, s, j.ID, job.Pending)
		})
	}
	t.Run("work/", func(t *testing.T) {
		t.Parallel()
		s := asNobody(t)
		j := claimed(t, s, "song", "w")
		inner := j.Path(job.WorkFolder, "x", "y")
		spooltest.Must(t, os.MkdirAll(inner, place.FolderMode))
		spooltest.Put(t, filepath.Join(inner, "z"), "z")
		for dir := inner; dir != j.Dir(); dir = filepath.Dir(dir) {
			spooltest.Must(t, os.Chmod(dir, 0))
		}
		spooltest.Must(t, j.Requeue("it failed"))
		wantOnlyIn(t, s, j.ID, job.Pending)
		spooltest.WantNames(t, s.jobFolder(job.Pending, j.ID), job.RecordFile, job.SourceFile)
	})
}

// Folders of artists and albums may be others'. A song waits until it may be put there.
func TestAFolderOfAnArtistThatIsShutHoldsItsSongs(t *testing.T) {
	t.Parallel()
	const wanted = "Band/First/01 a"
	for _, shut := range []string{"Band", "Band/First"} {
		for _, mode := range []fs.FileMode{0, 0o300, 0o500, 0o600} {
			for _, decided := range []string{"", wanted} {
				if mode == 0o300 && decided != "" { // The songs that are there are not listed then.
					continue
				}
				t.Run(fmt.Sprintf("%s %o %s", shut, mode, decided), func(t *testing.T) {
					t.Parallel()
					s := asNobody(t)
					j := organizing(t, s)
					j.Track = decided
					path := filepath.Join(s.Output(), shut)
					spooltest.Must(t, os.MkdirAll(path, place.FolderMode))
					spooltest.Must(t, os.Chmod(path, mode))
					for range MaxAttempts {
						if err := j.Publish(strings.Split(wanted, "/"), describe(j)); !errors.Is(err, ErrNotWritable) || !Environment(err) || StopsAll(err) {
							t.Errorf("Publish = %v", err)
						}
					}
					if !place.Exists(j.Path(job.StemsFolder, "vocals.wav")) {
						t.Error("the stems are gone")
					}
					spooltest.Must(t, os.Chmod(path, place.FolderMode))
					spooltest.Must(t, j.Publish(strings.Split(wanted, "/"), describe(j)))
					wantOut(t, s, j, wanted)
				})
			}
		}
	}
}

// So do those that are changed after the claim.
func TestModesOfAClaimedJobHoldItNotBack(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]struct {
		do func(j *Job) error
		in job.Stage
	}{
		"requeue": {func(j *Job) error { return j.Requeue("it failed") }, job.Pending},
		"fail":    {func(j *Job) error { return j.Fail(errors.New("no sound")) }, job.Failed},
		"move":    {func(j *Job) error { return j.Move(job.Separated) }, job.Separated},
		"own": {func(j *Job) error {
			_, err := j.spool.Recovery("w", job.Separating).Own(job.Separating)
			return err
		}, job.Pending},
		"own, damaged": {func(j *Job) error {
			spooltest.Must(t, os.Chmod(j.Dir(), 0o700))
			spooltest.Put(t, j.Path(job.RecordFile), "{")
			spooltest.Must(t, os.Chmod(j.Dir(), 0o500))
			_, err := j.spool.Recovery("w", job.Separating).Own(job.Separating)
			if errors.Is(err, ErrDamaged) {
				return nil
			}
			return err
		}, job.Failed},
	} {
		t.Run("the folder, 500 after the claim: "+what, func(t *testing.T) {
			t.Parallel()
			s := asNobody(t)
			j := claimed(t, s, "song", "w")
			spooltest.Must(t, os.Chmod(j.Dir(), 0o500))
			spooltest.Must(t, end.do(j))
			wantOnlyIn(t, s, j.ID, end.in)
		})
	}
}
