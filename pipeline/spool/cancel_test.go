//go:build unix

package spool

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// wantCancelled checks that the job rests in failed and has its song.
func wantCancelled(t *testing.T, s *Spool, id string, attempt int) {
	t.Helper()
	wantOnlyIn(t, s, id, job.Failed)
	j, err := s.Load(job.Failed, id)
	spooltest.Must(t, err)
	if j.Error != job.Cancelled || j.Attempt != attempt || j.History[len(j.History)-2].Error != job.Cancelled {
		t.Errorf("it failed with %q after %d attempts: %+v", j.Error, j.Attempt, j.History)
	}
	if got := readFile(t, j.Path(job.SourceFile)); got != "sound of a.mp3" {
		t.Errorf("its song is %q", got)
	}
	if entries, err := s.disk.ReadDir(j.Dir()); err != nil || len(entries) > 3 {
		t.Errorf("it has %v, %v", entries, err)
	}
}

func TestCancelInEachStage(t *testing.T) {
	t.Parallel()
	s, ctx := newSpool(t), t.Context()
	j := pending(t, s, "a.mp3")
	spooltest.Must(t, s.Cancel(j.ID))
	wantCancelled(t, s, j.ID, 0)

	j = claimed(t, s, "a.mp3", "worker")
	spooltest.Must(t, errors.Join(s.disk.Mkdir(j.Path(job.WorkFolder)), j.SetProgress(job.Decoding, 1, 2), s.disk.Mkdir(j.Path(job.StemsFolder))))
	spooltest.Must(t, s.Cancel(j.ID))
	wantCancelled(t, s, j.ID, 1)
	if there, _ := s.disk.Has(s.jobFolder(job.Failed, j.ID) + "/" + job.StemsFolder); there {
		t.Error("half of its stems are kept")
	}
	if err := errors.Join(j.Renew(), j.Save(), j.Move(job.Separated)); !errors.Is(err, ErrLost) {
		t.Errorf("the worker is told %v", err)
	}
	wantOnlyIn(t, s, j.ID, job.Failed)

	j = claimed(t, s, "a.mp3", "worker")
	spooltest.Must(t, s.disk.Mkdir(j.Path(job.StemsFolder)))
	spooltest.Put(t, j.Path(job.StemsFolder, "vocals.wav"), "la")
	spooltest.Must(t, j.Move(job.Separated))
	spooltest.Must(t, s.Cancel(j.ID))
	wantCancelled(t, s, j.ID, 1)

	j = claimed(t, s, "a.mp3", "worker")
	spooltest.Must(t, s.disk.Mkdir(j.Path(job.StemsFolder)))
	spooltest.Put(t, j.Path(job.StemsFolder, "vocals.wav"), "la")
	spooltest.Must(t, j.Move(job.Separated))
	j, err := s.Claim(ctx, job.Separated, job.Organizing, "organizer")
	spooltest.Must(t, err)
	spooltest.Must(t, s.Cancel(j.ID))
	wantCancelled(t, s, j.ID, 1)
	if got := readFile(t, s.jobFolder(job.Failed, j.ID)+"/stems/vocals.wav"); got != "la" {
		t.Errorf("its stems have %q", got)
	}

	if err := s.Cancel(j.ID); !errors.Is(err, job.ErrEnded) || err.Error() != "cancelling job "+j.ID+": it has ended: it is failed" {
		t.Errorf("again: %v", err)
	}
	if err := s.Cancel("20261123T113047.123456Z-1a2b3c4d"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that is not there: %v", err)
	}
	j, err = s.Create("watcher")
	spooltest.Must(t, err)
	if err := s.Cancel(j.ID); !errors.Is(err, job.ErrIncoming) {
		t.Errorf("in the watcher's hands: %v", err)
	}
	j.SetName("a.mp3")
	spooltest.Must(t, j.Save())
	if err := s.Cancel(j.ID); !errors.Is(err, job.ErrIncoming) {
		t.Errorf("in the watcher's hands: %v", err)
	}
	wantOnlyIn(t, s, j.ID, job.Incoming)
}

// What has begun to end ends as it was to.
func TestCancelComesTooLate(t *testing.T) {
	t.Parallel()
	s, ctx := newSpool(t), t.Context()
	rejected := claimed(t, s, "bad.mp3", "worker")
	rejected.Error = "It is bad."
	rejected.SetRejected("bad.mp3")
	spooltest.Must(t, rejected.Save())
	out := claimed(t, s, "a.mp3", "worker")
	spooltest.Must(t, out.Move(job.Separated))
	out, err := s.Claim(ctx, job.Separated, job.Organizing, "organizer")
	spooltest.Must(t, err)
	out.Track = "a"
	spooltest.Must(t, errors.Join(out.Save(), s.disk.Remove(out.Path(job.SourceFile))))
	announced := claimed(t, s, "c.mp3", "worker")
	announced.Error = "its own"
	announced.Arrive(job.Visit{Stage: job.Failed}, "its own")
	spooltest.Must(t, announced.Save())
	for id, want := range map[string]job.Stage{rejected.ID: job.Rejected, out.ID: job.Done, announced.ID: job.Failed} {
		if err := s.Cancel(id); !errors.Is(err, job.ErrEnded) {
			t.Errorf("%s: %v", want, err)
		}
		wantOnlyIn(t, s, id, want)
		if j, err := s.Locate(id); err != nil || j.Error == job.Cancelled {
			t.Errorf("%s: %v, %q", want, err, j.Error)
		}
	}
	if got := readFile(t, s.RejectedFiles()+"/bad.mp3"); got != "sound of bad.mp3" {
		t.Errorf("the rejected song is %q", got)
	}
}

// A worker that is busy for long notices at its next renewal.
func TestTheWorkerOfACancelledJobStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpool(t)
		j := claimed(t, s, "a.mp3", "worker")
		held, stop := j.Hold(t.Context(), func() {})
		defer stop()
		spooltest.Must(t, s.Cancel(j.ID))
		began := time.Now()
		<-held.Done()
		if took := time.Since(began); took > lease.Default.Renew || !errors.Is(context.Cause(held), ErrLost) {
			t.Errorf("after %s: %v", took, context.Cause(held))
		}
	})
}

// Several that are cancelled within a moment are on the disk all the same.
func TestWhatIsCancelledLasts(t *testing.T) {
	t.Parallel()
	lost := 0
	for seed := range uint64(thorough.Of(20, 4)) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := newModel(seed)
		disk := memView{m.disk, func() error { return nil }, m.token, func() bool { return false }, false}
		s := on(disk, "/", m.now, m.token)
		var ids []string
		for range 5 {
			j, err := s.Create("watcher")
			spooltest.Must(t, err)
			j.SetName("a.mp3")
			spooltest.Must(t, j.Move(job.Pending))
			ids = append(ids, j.ID)
		}
		spooltest.Must(t, s.Flush())
		for _, id := range ids {
			spooltest.Must(t, s.Cancel(id))
		}
		m.disk.rng = rng
		m.disk.lose()
		for _, id := range ids {
			if there, err := s.disk.Has(s.jobFolder(job.Failed, id)); !there || err != nil {
				lost++
			}
		}
	}
	if lost > 0 {
		t.Errorf("a power cut undid %d of them", lost)
	}
}
