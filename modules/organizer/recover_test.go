//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/layout"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/spooltest/jobtest"
)

func TestTheNextRunTakesUpWhatACrashLeft(t *testing.T) {
	t.Parallel()
	stop := errors.New("crash")
	tests := []struct {
		name string
		// until does what was done before the crash.
		until func(t *testing.T, b *bench, j *spool.Job)
	}{
		{"it was claimed", func(*testing.T, *bench, *spool.Job) {}},
		{"the archive's name was recorded", func(t *testing.T, _ *bench, j *spool.Job) {
			t.Helper()
			j.SetArchived("song.mp3")
			spooltest.Must(t, j.Save())
		}},
		{"the original was archived", func(t *testing.T, b *bench, j *spool.Job) { t.Helper(); spooltest.Must(t, b.archive(j)) }},
		{"the track's name was recorded", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			spooltest.Must(t, b.archive(j))
			j.Track = "song"
			spooltest.Must(t, writeTrack(j, time.Now()))
			spooltest.Must(t, j.Save())
		}},
		{"the stems were put out", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			spooltest.Must(t, errors.Join(b.archive(j), b.putOut(j)))
		}},
		{"the job was cleared", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			spooltest.Must(t, errors.Join(b.archive(j), b.putOut(j), j.Clear()))
		}},
		{"the end was announced", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			spooltest.Must(t, errors.Join(b.archive(j), b.putOut(j)))
			spooltest.Must(t, os.Remove(b.spool.StageFolder(job.Done)))
			if err := j.Finish(); err == nil {
				t.Fatal(stop)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := newBench(t)
			id := before.add("song.mp3").ID
			j, err := before.spool.Claim(t.Context(), job.Separated, job.Organizing, "me")
			spooltest.Must(t, err)
			tt.until(t, before, j)

			b := newBenchOn(t, before.env.Data)
			if j.Track != "" { // It stays there, although the setting was changed.
				b.layout = layout.Media
			}
			_, err = b.turn(t.Context())
			spooltest.Must(t, err)
			if j := b.wantDone(id); j.Track != "song" || j.Archived != "song.mp3" {
				t.Errorf("track %q, archived %q", j.Track, j.Archived)
			}
			spooltest.WantNames(t, b.spool.Output(), "song")
			spooltest.WantNames(t, b.spool.Archive(), "song.mp3")
		})
	}
}

func TestAJobThatCannotBeFinishedIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.add("song.mp3").ID
	j, err := b.spool.Claim(t.Context(), job.Separated, job.Organizing, "me")
	spooltest.Must(t, err)
	spooltest.Must(t, os.Remove(b.spool.Archive()))
	if err := b.finish(t.Context(), j); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("finish = %v; want fs.ErrNotExist", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.turn(ctx); !errors.Is(err, context.Canceled) || len(b.held) != 1 {
		t.Errorf("turn after the stop = %v, held %v", err, b.held)
	}
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
	b.wantDone(id)
}

func TestJobsThatLackSomethingStopNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	noStems, damaged := b.add("1.mp3"), b.add("2.mp3")
	b.add("3.mp3")
	for range 3 {
		j, err := b.spool.Claim(t.Context(), job.Separated, job.Organizing, "me")
		spooltest.Must(t, err)
		b.held = append(b.held, j)
	}
	spooltest.Must(t, os.RemoveAll(b.held[0].Path("stems")))
	spooltest.Put(t, b.held[1].Path("job.json"), "{")
	spooltest.Must(t, os.RemoveAll(b.held[2].Dir()))
	b.leftovers = false
	if _, err := b.turn(t.Context()); !errors.Is(err, spool.ErrDamaged) {
		t.Errorf("turn = %v; want ErrDamaged", err)
	}
	for _, j := range []*spool.Job{noStems, damaged} {
		if !place.Exists(filepath.Join(b.spool.StageFolder(job.Failed), j.ID, "source")) {
			t.Errorf("job %s did not fail with its source kept", j.ID)
		}
	}
	if busy, err := b.turn(t.Context()); busy || err != nil || len(b.held) != 0 {
		t.Errorf("next turn = %v, %v, held %v", busy, err, b.held)
	}
}

// A job that was forged so that it cannot be finished is given up with the reason, and delays no other.
func TestForgedJobsDelayNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := time.Now()
	b.now = func() time.Time { return now }
	outside := t.TempDir()
	record := func(old, text string) func(j *spool.Job) error {
		return func(j *spool.Job) error {
			data, err := os.ReadFile(j.Path(job.RecordFile))
			spooltest.Must(t, err)
			return os.WriteFile(j.Path(job.RecordFile), bytes.Replace(data, []byte(old), []byte(text), 1), 0o644)
		}
	}
	instead := func(file string, put func(path string) error) func(j *spool.Job) error {
		return func(j *spool.Job) error { return errors.Join(os.RemoveAll(j.Path(file)), put(j.Path(file))) }
	}
	link := func(path string) error { return os.Symlink(outside, path) }
	fifo := func(path string) error { return syscall.Mkfifo(path, 0o644) }
	folder := func(path string) error { return os.Mkdir(path, 0o755) }
	file := func(path string) error { return os.WriteFile(path, nil, 0o644) }
	bad := map[string]string{} // The reasons, by the IDs.
	for _, forged := range []struct {
		reason string
		do     func(j *spool.Job) error
	}{
		{"stems: something that is not a file", instead("stems", file)},
		{"stems: something that is not a file", instead("stems", link)},
		{"stems/bass.wav: something that is not a file", instead("stems/bass.wav", fifo)},
		{"stems/bass.wav: something that is not a file", instead("stems/bass.wav", link)},
		{"stems/bass.wav: something that is not a file", instead("stems/bass.wav", folder)},
		{"stems/bass.wav: its stems were removed", func(j *spool.Job) error { return os.Remove(j.Path("stems/bass.wav")) }},
		{"source: something that is not a file", instead("source", fifo)},
		{"writing stems/track.json", instead("stems/track.json", folder)},
		{"it is not a regular file", instead("job.json", fifo)},
		{"it is not the name of a file", record(`"name": "bad.mp3"`, `"name": "a\u0000b"`)},
		{"attempt -9", record(`"attempt": 0`, `"attempt": -9`)},
		{"no model can have this name", record(`"model": "htdemucs"`, `"model": "../models/demucs/evil.onnx"`)},
	} {
		j := b.add("bad.mp3")
		spooltest.Must(t, forged.do(j))
		bad[j.ID] = forged.reason
	}
	good := b.add("good.mp3")
	for range bad {
		_, _ = b.turn(t.Context())
	}
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	b.wantDone(good.ID)
	for range 2 * spool.MaxAttempts {
		now = now.Add(restFor)
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
	}
	for id, reason := range bad {
		j := jobtest.In(t, b.spool, job.Failed, id)
		if !strings.Contains(j.Error, reason) {
			t.Errorf("%q; want %q", j.Error, reason)
		}
	}
	spooltest.WantNames(t, b.spool.Output(), "good")
	spooltest.WantNames(t, outside)
}

// A link in the place of a cover leads no program that shows it elsewhere.
func TestACoverIsAFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	j := b.add("song.mp3", func(r *job.Record) { r.Cover = job.CoverJPEG })
	cover := j.Path(job.StemsFolder, job.CoverJPEG)
	spooltest.Must(t, errors.Join(os.Remove(cover), os.Symlink("/etc/passwd", cover)))
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	if failed := jobtest.In(t, b.spool, job.Failed, j.ID); !strings.Contains(failed.Error, "cover.jpg: something that is not a file") {
		t.Errorf("error = %q", failed.Error)
	}
	spooltest.WantNames(t, b.spool.Output())
}

// An organizer in a container that was made anew has another name, and takes up what the one
// before it left: not at once, since that one may be at work.
func TestTheJobsOfALostOrganizerAreTakenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		claimed := b.add("claimed.mp3")
		j, err := b.spool.Claim(t.Context(), job.Separated, job.Organizing, "lost")
		spooltest.Must(t, err)
		earlier := b.add("of an earlier version.mp3")
		spooltest.Must(t, b.archive(j))
		spooltest.Must(t, os.Rename(earlier.Dir(), filepath.Join(b.spool.StageFolder(job.Organizing), earlier.ID)))
		if busy, err := b.turn(t.Context()); busy || err != nil {
			t.Fatalf("turn = %v, %v; want it to wait", busy, err)
		}
		for _, j := range []*spool.Job{claimed, earlier} {
			jobtest.In(t, b.spool, job.Organizing, j.ID)
		}
		spooltest.Must(t, jobtest.Minute(func() error {
			_, err := b.turn(t.Context())
			return err
		}))
		b.wantDone(claimed.ID)
		b.wantDone(earlier.ID)
	})
}

// One that was stopped for long and goes on puts nothing out: another one has.
func TestAnOrganizerThatLostItsJobPutsNothingOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.add("song.mp3").ID
	j, err := b.spool.Claim(t.Context(), job.Separated, job.Organizing, "me")
	spooltest.Must(t, err)
	other := newBenchAs(t, b.env.Data, "other")
	_, err = other.spool.Recovery("me", job.Organizing).Own(job.Organizing)
	spooltest.Must(t, err)
	_, err = other.turn(t.Context())
	spooltest.Must(t, err)
	spooltest.Must(t, b.finish(t.Context(), j))
	if len(b.held) != 0 {
		t.Errorf("held %v", b.held)
	}
	b.held = append(b.held, j)
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
	b.wantDone(id)
	spooltest.WantNames(t, b.spool.Output(), "song")
	spooltest.WantNames(t, b.spool.Archive(), "song.mp3")
}

func TestAJobWithoutRecordFailsWithWhatItHas(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.add("song.mp3").ID
	j, err := b.spool.Claim(t.Context(), job.Separated, job.Organizing, "me")
	spooltest.Must(t, err)
	spooltest.Must(t, os.Remove(j.Path("job.json")))
	if _, err := b.turn(t.Context()); !errors.Is(err, spool.ErrDamaged) {
		t.Errorf("turn = %v; want ErrDamaged", err)
	}
	failed := filepath.Join(b.spool.StageFolder(job.Failed), id)
	spooltest.WantText(t, filepath.Join(failed, job.SourceFile), "sound of "+id)
	spooltest.WantText(t, filepath.Join(failed, job.StemsFolder, "vocals.wav"), "vocals.wav of "+id)
}

// A disk that takes minutes for a sync makes an organizer slow, and not lost.
func TestASlowOrganizerKeepsItsJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		id := b.add("song.mp3").ID
		b.now = func() time.Time {
			time.Sleep(5 * time.Minute)
			return time.Now()
		}
		other := newBenchAs(t, b.env.Data, "other")
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, err := b.turn(t.Context())
			spooltest.Must(t, err)
		}()
		spooltest.Must(t, jobtest.Minute(func() error { return other.takeBackLost() }))
		spooltest.Must(t, jobtest.Minute(func() error { return other.takeBackLost() }))
		<-ended
		if j := b.wantDone(id); len(j.History) != 4 {
			t.Errorf("it was taken away: %+v", j.History)
		}
	})
}

// Of jobs that rest, and may be gone, only those are remembered whose rest is not over.
func TestJobsWhoseRestIsOverAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := time.Now()
	b.now = func() time.Time { return now }
	for _, id := range []string{"a", "b", "c"} {
		b.rest(id)
		if !b.rests(id) || len(b.resting) != 1 {
			t.Errorf("resting: %v", b.resting)
		}
		now = now.Add(restFor)
		if b.rests(id) {
			t.Errorf("%s rests for longer than %s", id, restFor)
		}
	}
}
