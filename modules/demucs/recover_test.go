//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/spooltest/jobtest"
)

func TestAWorkerTakesUpItsOwnJobsOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	mine, theirs := b.add("mine", "sound").ID, b.add("theirs", "sound").ID
	for _, worker := range []string{"me", "you"} {
		j, err := b.spool.Claim(t.Context(), job.Pending, job.Separating, worker)
		spooltest.Must(t, err)
		spooltest.Must(t, os.Mkdir(j.Path(job.WorkFolder), place.FolderMode))
	}
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	if j := b.in(job.Separated, mine); j.Attempt != 1 || j.Losses != 1 {
		t.Errorf("attempt %d, %d losses; want one of each", j.Attempt, j.Losses)
	}
	b.in(job.Separating, theirs)
}

func TestAJobThatCouldNotBeHandedOverIsTakenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	id := b.add("song", "sound").ID
	j, err := b.spool.Claim(t.Context(), job.Pending, job.Separating, "me")
	spooltest.Must(t, err)
	b.leftovers = false
	spooltest.Must(t, os.Remove(b.spool.StageFolder(job.Separated)))
	if err := b.handle(t.Context(), j); err == nil {
		t.Fatal("a job was handed over to nowhere")
	}
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
	b.in(job.Separated, id)
}

func TestADamagedJobIsSetAside(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	id := b.add("song", "sound").ID
	j, err := b.spool.Claim(t.Context(), job.Pending, job.Separating, "me")
	spooltest.Must(t, err)
	spooltest.Must(t, os.WriteFile(j.Path("job.json"), nil, 0o600))
	if _, err := b.turn(t.Context()); !errors.Is(err, spool.ErrDamaged) {
		t.Errorf("turn = %v; want ErrDamaged", err)
	}
	b.in(job.Failed, id)
}

// A worker that was killed and comes back under another name, or never: whoever is there takes
// its job up.
func TestTheJobOfALostWorkerIsTakenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "ffmpeg", "engine")
		id := b.add("song", "sound").ID
		lost, err := b.spool.Claim(t.Context(), job.Pending, job.Separating, "lost")
		spooltest.Must(t, err)
		spooltest.Must(t, lost.SetProgress(job.Separation, 3, 17))
		if busy, err := b.turn(t.Context()); busy || err != nil {
			t.Errorf("turn = %v, %v; want it to wait", busy, err)
		}
		spooltest.Must(t, jobtest.Minute(func() error {
			_, err := b.turn(t.Context())
			return err
		}))
		if j := b.in(job.Separated, id); j.Attempt != 1 || j.Losses != 1 || !j.History[2].Lost || !strings.Contains(j.History[2].Error, "its worker lost was lost") {
			t.Errorf("record = %+v", j.Record)
		}
	})
}

// A worker that was stopped for long and goes on drops what it made: another one has the job.
func TestAWorkerThatLostItsJobDropsIt(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"while it works", "at the hand-over"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "ffmpeg", "engine")
			other := newBenchOn(t, b.env.Data, "ffmpeg", "engine", "other")
			id := b.add("song", "sound").ID
			b.engine = engineFunc(func() error {
				found, err := b.spool.Recovery("me", job.Separating).Own(job.Separating)
				if len(found) != 1 {
					t.Errorf("taken back: %v", found)
				}
				if _, err := other.turn(t.Context()); err != nil {
					t.Errorf("the other one: %v", err)
				}
				if name == "while it works" {
					return errors.Join(err, errors.New("its folder is gone"))
				}
				return err
			})
			if busy, err := b.turn(t.Context()); !busy || err != nil {
				t.Errorf("turn = %v, %v; want the worker to go on", busy, err)
			}
			if j := b.in(job.Separated, id); j.History[len(j.History)-2].Worker != "other" || j.Attempt != 1 || j.Losses != 1 {
				t.Errorf("record = %+v", j.Record)
			}
			if !strings.Contains(b.log.String(), "dropped") {
				t.Errorf("log = %s", b.log)
			}
			if busy, err := b.turn(t.Context()); busy || err != nil {
				t.Errorf("next turn = %v, %v", busy, err)
			}
		})
	}
}

func TestOneJobThatResistsDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	bad := b.add("bad", "sound")
	_, err := b.spool.Claim(t.Context(), job.Pending, job.Separating, "me")
	spooltest.Must(t, err)
	// It cannot go back: something else has its place.
	spooltest.Must(t, os.Mkdir(filepath.Join(b.spool.StageFolder(job.Pending), bad.ID), place.FolderMode))
	spooltest.Must(t, os.Mkdir(filepath.Join(b.spool.StageFolder(job.Pending), bad.ID, "x"), place.FolderMode))
	good := b.add("good", "sound")
	for range 3 { // What is in its place is no job, and is set aside first.
		_, _ = b.turn(t.Context())
	}
	b.in(job.Separated, good.ID)
}

func TestARejectionThatWasBegunIsCompleted(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg-broken", "engine")
	b.add("song.mp3", "sound")
	j, err := b.spool.Claim(t.Context(), job.Pending, job.Separating, "me")
	spooltest.Must(t, err)
	// Killed after the file reached rejected/.
	j.Error = "the true reason"
	j.SetRejected("song.mp3")
	spooltest.Must(t, j.Save())
	spooltest.Must(t, os.WriteFile(filepath.Join(b.spool.RejectedFiles(), "song.mp3.txt"), []byte("the true reason\n"), place.FileMode))
	spooltest.Must(t, os.Rename(j.Path(job.SourceFile), filepath.Join(b.spool.RejectedFiles(), "song.mp3")))
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
	if j := b.in(job.Rejected, j.ID); j.Error != "the true reason" || j.Rejected != "song.mp3" || j.Attempt != 1 {
		t.Errorf("record = %+v", j.Record)
	}
	spooltest.WantNames(t, b.spool.RejectedFiles(), "song.mp3", "song.mp3.txt")
}
