//go:build unix

package spool

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// loses claims the only job and loses its worker. It reports the stage that the job goes to.
func loses(t *testing.T, s *Spool, working job.Stage, worker string) job.Stage {
	t.Helper()
	_, err := s.Claim(t.Context(), working.Entry(), working, worker)
	spooltest.Must(t, err)
	found, err := s.Recovery(worker, working).Own(working)
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	return found[0].To
}

// A machine that dies is not the song's fault, however often; and one that kills each worker ends all the same.
func TestLostWorkersAreNoFaults(t *testing.T) {
	t.Parallel()
	for _, working := range []job.Stage{job.Separating, job.Organizing} {
		s := newSpool(t)
		j := pending(t, s, "song")
		if working == job.Organizing {
			var err error
			j, err = s.Claim(t.Context(), job.Pending, job.Separating, "me")
			spooltest.Must(t, err)
			spooltest.Must(t, s.disk.Mkdir(j.Path(job.StemsFolder)))
			spooltest.Must(t, j.Move(job.Separated))
		}
		attempts := j.Attempt
		for n := 1; n < MaxLosses; n++ {
			if to := loses(t, s, working, fmt.Sprint("w", n)); to != working.Entry() {
				t.Fatalf("%s: after %d lost workers it went to %s", working, n, to)
			}
			if n == 3 { // Faults of its own are counted apart.
				j, err := s.Claim(t.Context(), working.Entry(), working, "me")
				spooltest.Must(t, err)
				spooltest.Must(t, j.Requeue("it crashed"))
			}
			waits, err := s.Load(working.Entry(), j.ID)
			spooltest.Must(t, err)
			if waits.Losses != n || len(waits.Failures(working)) != min(n/3, 1) {
				t.Errorf("%s: %d losses, failures %q after %d", working, waits.Losses, waits.Failures(working), n)
			}
		}
		if to := loses(t, s, working, "last"); to != job.Failed {
			t.Errorf("%s: after %d lost workers it went to %s", working, MaxLosses, to)
		}
		failed, err := s.Load(job.Failed, j.ID)
		spooltest.Must(t, err)
		if want := "10 workers were lost that had it, so it may be what ends them; the last time its worker was lost: it was restarted"; failed.Error != want {
			t.Errorf("error = %q; want %q", failed.Error, want)
		}
		if failed.Attempt > attempts+1 || strings.Join(failed.Failures(working), " ") != "it crashed" {
			t.Errorf("attempt %d, failures %q", failed.Attempt, failed.Failures(working))
		}
	}
}

// Three faults of its own end a job, whatever workers were lost between them.
func TestFaultsOfItsOwnCount(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := pending(t, s, "song")
	for n := range MaxAttempts {
		loses(t, s, job.Separating, fmt.Sprint("w", n))
		mine, err := s.Claim(t.Context(), job.Pending, job.Separating, "me")
		spooltest.Must(t, err)
		spooltest.Must(t, mine.Requeue("it crashed"))
	}
	failed, err := s.Load(job.Failed, j.ID)
	spooltest.Must(t, err)
	if failed.Attempt != MaxAttempts || failed.Losses != MaxAttempts || failed.Error != "it crashed" {
		t.Errorf("attempt %d, %d losses, error %q", failed.Attempt, failed.Losses, failed.Error)
	}
}

// A loss that a power cut takes back, or whose move fails, is counted once.
func TestALossIsCountedOnce(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "lost")
	spooltest.Put(t, s.jobFolder(job.Pending, j.ID), "") // It cannot go back.
	r := s.Recovery("lost", job.Separating)
	_, err := r.Own(job.Separating)
	if err == nil || !errors.Is(err, ErrSetAside) {
		t.Fatalf("error = %v; want ErrSetAside", err)
	}
	failed, err := s.Load(job.Failed, j.ID)
	spooltest.Must(t, err)
	if failed.Losses != 1 {
		t.Errorf("%d losses", failed.Losses)
	}
}
