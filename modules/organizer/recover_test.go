//go:build unix

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/spool"
)

func TestTheNextRunTakesUpWhatACrashLeft(t *testing.T) {
	t.Parallel()
	stop := errors.New("crash")
	tests := []struct {
		name string
		// until does what was done before the crash.
		until func(t *testing.T, b *bench, job *spool.Job)
	}{
		{"it was claimed", func(*testing.T, *bench, *spool.Job) {}},
		{"the archive's name was recorded", func(t *testing.T, _ *bench, job *spool.Job) {
			t.Helper()
			job.SetArchived("song.mp3")
			must(t, job.Save())
		}},
		{"the original was archived", func(t *testing.T, b *bench, job *spool.Job) { t.Helper(); must(t, b.archive(job)) }},
		{"the track's name was recorded", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			must(t, b.archive(job))
			job.Track = "song"
			must(t, writeTrack(job, time.Now()))
			must(t, job.Save())
		}},
		{"the stems were put out", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			must(t, errors.Join(b.archive(job), b.putOut(job)))
		}},
		{"the job was cleared", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			must(t, errors.Join(b.archive(job), b.putOut(job), job.Clear()))
		}},
		{"the end was announced", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			must(t, errors.Join(b.archive(job), b.putOut(job)))
			must(t, os.Remove(b.spool.StageFolder(spool.Done)))
			if err := job.Finish(); err == nil {
				t.Fatal(stop)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := newBench(t)
			id := before.add("song.mp3").ID
			job, err := before.spool.Claim(t.Context(), spool.Separated, spool.Organizing, "me")
			must(t, err)
			tt.until(t, before, job)

			b := newBenchOn(t, before.env.Data)
			_, err = b.turn(t.Context())
			must(t, err)
			if job := b.wantDone(id); job.Track != "song" || job.Archived != "song.mp3" {
				t.Errorf("track %q, archived %q", job.Track, job.Archived)
			}
			wantNames(t, b.spool.Output(), "song")
			wantNames(t, b.spool.Archive(), "song.mp3")
		})
	}
}

func TestAJobThatCannotBeFinishedIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.add("song.mp3").ID
	job, err := b.spool.Claim(t.Context(), spool.Separated, spool.Organizing, "me")
	must(t, err)
	must(t, os.Remove(b.spool.Archive()))
	if err := b.finish(job); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("finish = %v; want fs.ErrNotExist", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.turn(ctx); !errors.Is(err, context.Canceled) || len(b.held) != 1 {
		t.Errorf("turn after the stop = %v, held %v", err, b.held)
	}
	_, err = b.turn(t.Context())
	must(t, err)
	b.wantDone(id)
}

func TestJobsThatLackSomethingStopNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	noStems, damaged, gone := b.add("1.mp3"), b.add("2.mp3"), b.add("3.mp3")
	for range 3 {
		_, err := b.spool.Claim(t.Context(), spool.Separated, spool.Organizing, "me")
		must(t, err)
	}
	at := func(job *spool.Job, name string) string {
		return filepath.Join(b.spool.StageFolder(spool.Organizing), job.ID, name)
	}
	must(t, os.RemoveAll(at(noStems, "stems")))
	again := newBenchOn(t, b.env.Data)
	must(t, again.putRight())
	put(t, at(damaged, "job.json"), "{")
	must(t, os.RemoveAll(at(gone, "")))
	if _, err := again.turn(t.Context()); !errors.Is(err, spool.ErrDamaged) {
		t.Errorf("turn = %v; want ErrDamaged", err)
	}
	for _, job := range []*spool.Job{noStems, damaged} {
		if !place.Exists(filepath.Join(b.spool.StageFolder(spool.Failed), job.ID, "source")) {
			t.Errorf("job %s did not fail with its source kept", job.ID)
		}
	}
	if busy, err := again.turn(t.Context()); busy || err != nil || len(again.held) != 0 {
		t.Errorf("next turn = %v, %v, held %v", busy, err, again.held)
	}
}

// A job that trips this organizer each time keeps it from no other.
func TestOneJobThatCannotBeFinishedDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bad := b.add("bad.mp3")
	_, err := b.spool.Claim(t.Context(), spool.Separated, spool.Organizing, "me")
	must(t, err)
	stems := filepath.Join(b.spool.StageFolder(spool.Organizing), bad.ID, spool.StemsFolder)
	must(t, os.RemoveAll(stems))
	put(t, stems, "no folder")
	good := b.add("good.mp3")
	if busy, err := b.turn(t.Context()); !busy || err == nil {
		t.Errorf("turn = %v, %v; want the good job done and the error of the bad one", busy, err)
	}
	b.wantDone(good.ID)
	wantText(t, stems, "no folder")
}

// An organizer in a container that was made anew has another name, and takes up what the one
// before it left: not at once, since that one may be at work.
func TestTheJobsOfALostOrganizerAreTakenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		recorded := b.add("recorded.mp3")
		_, err := b.spool.Claim(t.Context(), spool.Separated, spool.Organizing, "lost")
		must(t, err)
		unrecorded := b.add("unrecorded.mp3")
		must(t, os.Rename(unrecorded.Dir(), filepath.Join(b.spool.StageFolder(spool.Organizing), unrecorded.ID)))
		if busy, err := b.turn(t.Context()); busy || err != nil {
			t.Fatalf("turn = %v, %v; want it to wait", busy, err)
		}
		for _, job := range []*spool.Job{recorded, unrecorded} {
			if !place.Exists(filepath.Join(b.spool.StageFolder(spool.Organizing), job.ID)) {
				t.Errorf("job %s was taken at once", job.ID)
			}
		}
		time.Sleep(2 * time.Minute)
		for range 2 {
			_, err := b.turn(t.Context())
			must(t, err)
		}
		b.wantDone(recorded.ID)
		b.wantDone(unrecorded.ID)
	})
}

func TestAJobWithoutRecordFailsWithWhatItHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		id := b.add("song.mp3").ID
		_, err := b.spool.Claim(t.Context(), spool.Separated, spool.Organizing, "me")
		must(t, err)
		must(t, os.Remove(filepath.Join(b.spool.StageFolder(spool.Organizing), id, "job.json")))
		if busy, err := b.turn(t.Context()); busy || err != nil {
			t.Fatalf("turn = %v, %v", busy, err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := b.turn(t.Context()); !errors.Is(err, spool.ErrDamaged) {
			t.Errorf("turn = %v; want ErrDamaged", err)
		}
		failed := filepath.Join(b.spool.StageFolder(spool.Failed), id)
		wantText(t, filepath.Join(failed, spool.SourceFile), "sound of "+id)
		wantText(t, filepath.Join(failed, spool.StemsFolder, "vocals.wav"), "vocals.wav of "+id)
	})
}
