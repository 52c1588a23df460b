//go:build unix

package spool

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A finder is a Recovery with a clock that only the test moves.
type finder struct {
	*Recovery
	t     *testing.T
	clock time.Time
}

func newFinder(t *testing.T, s *Spool, stages ...job.Stage) *finder {
	t.Helper()
	f := &finder{Recovery: s.Recovery("me", stages...), t: t, clock: time.Now()}
	f.now = func() time.Time { return f.clock }
	return f
}

// after moves the clock and looks once.
func (f *finder) after(d time.Duration) ([]Found, error) {
	f.t.Helper()
	f.clock = f.clock.Add(d)
	return f.Strays()
}

// minute looks again and again until a minute is over, but for the last look.
func (f *finder) minute() {
	f.t.Helper()
	for passed := time.Duration(0); passed < lease.Default.Lease; passed += strayEvery {
		if found, err := f.after(strayEvery); len(found) != 0 || err != nil {
			f.t.Fatalf("found %v, %v after %s", found, err, passed)
		}
	}
}

// wantFound checks that nothing happens before the minute is over, and then this.
func (f *finder) wantFound(want ...Found) {
	f.t.Helper()
	f.minute()
	found, err := f.after(strayEvery)
	spooltest.Must(f.t, err)
	if len(found) != len(want) || (len(want) > 0 && found[0] != want[0]) {
		f.t.Errorf("found %v; want %v", found, want)
	}
}

func TestTheJobOfALostWorkerIsTakenBackAfterAMinute(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "lost")
	spooltest.Must(t, j.SetProgress(job.Separation, 3, 17))
	spooltest.Must(t, os.Mkdir(j.Path(job.WorkFolder), place.FolderMode))
	f := newFinder(t, s, job.Organizing, job.Separating)
	f.wantFound(Found{j.ID, job.Separating, job.Pending, "lost"})
	wantOnlyIn(t, s, j.ID, job.Pending)
	again, err := s.Claim(t.Context(), job.Pending, job.Separating, "me")
	spooltest.Must(t, err)
	spooltest.WantNames(t, again.Dir(), "job.json", "source")
	wantHistory(t, &again.Record, "incoming watcher 0 ended", "pending  0 ended",
		"separating lost 1 ended: its worker lost was lost: it had not renewed its lease for 1m",
		"pending  0 ended", "separating me 1 open")
}

func TestALeaseThatIsRenewedDoesNotEnd(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "busy")
	f := newFinder(t, s, job.Separating)
	for range 3 {
		f.minute()
		spooltest.Must(t, j.Renew())
	}
	wantOnlyIn(t, s, j.ID, job.Separating)
}

// The race detector tells when a renewal reads what the worker changes meanwhile.
func TestALeaseIsRenewedBesideTheWork(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "busy")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 100 {
			if err := j.Renew(); err != nil {
				t.Error(err)
			}
		}
	}()
	for range 100 {
		j.Warnings = append(j.Warnings, "too long: "+strings.Repeat("x", 10_000))
		spooltest.Must(t, j.Save())
	}
	<-ended
	p, err := job.ParseProgress([]byte(readFile(t, j.Path(job.ProgressFile))))
	if err != nil || !p.Started.Equal(j.Last().Start) {
		t.Errorf("it began at %v, and progress.json says %v, %v", j.Last().Start, p.Started, err)
	}
}

// On a full disk there is no room for another progress.json, and the lease goes on.
func TestALeaseIsRenewedOnAFullDisk(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "busy")
	s.disk = place.Placer{Disk: full{s.disk.Disk}}
	before, ok := s.lease(job.Separating, j.claim)
	time.Sleep(10 * time.Millisecond) // The clock of a file system may be as coarse as the kernel's.
	if err := j.Renew(); err == nil || errors.Is(err, ErrLost) {
		t.Errorf("Renew = %v", err)
	}
	if after, _ := s.lease(job.Separating, j.claim); !ok || after == before {
		t.Errorf("the lease was %q and is %q", before, after)
	}
}

type full struct{ place.Disk }

func (full) Temp(string, []byte, bool) (string, error) { return "", errors.New("no room") }

// Who was stopped for a while has not looked meanwhile: when a machine wakes up, nobody takes
// jobs from workers that were asleep as well.
func TestAStoppedProcessHasNotLooked(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "busy")
	f := newFinder(t, s, job.Separating)
	for range 3 {
		if found, err := f.after(time.Hour); len(found) != 0 || err != nil {
			t.Fatalf("found %v, %v", found, err)
		}
	}
	wantOnlyIn(t, s, j.ID, job.Separating)
}

// A worker that was stopped for long and goes on finds its job gone, whatever it does next.
func TestAWorkerWhoseJobWasTakenNoticesAndChangesNothing(t *testing.T) {
	t.Parallel()
	ends := map[string]func(s *Spool, j *Job) error{
		"Move":     func(_ *Spool, j *Job) error { return j.Move(job.Separated) },
		"HandBack": func(_ *Spool, j *Job) error { return j.HandBack("stop") },
		"Requeue":  func(_ *Spool, j *Job) error { return j.Requeue("broken") },
		"Fail":     func(_ *Spool, j *Job) error { return j.Fail(errors.New("broken")) },
		"Finish":   func(_ *Spool, j *Job) error { return j.Finish() },
		"Reload":   func(_ *Spool, j *Job) error { return j.Reload() },
		"Renew":    func(_ *Spool, j *Job) error { return j.Renew() },
		"Save":     func(_ *Spool, j *Job) error { return j.Save() },
		"Deliver": func(s *Spool, j *Job) error {
			return j.Deliver(job.SourceFile, s.Archive(), place.FileNames("song"), func(string) error { return nil })
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSpool(t)
			j := claimed(t, s, "song", "slow")
			newFinder(t, s, job.Separating).wantFound(Found{j.ID, job.Separating, job.Pending, "slow"})
			again, err := s.Claim(t.Context(), job.Pending, job.Separating, "me")
			spooltest.Must(t, err)
			spooltest.Must(t, again.SetProgress(job.Decoding, 0, 0))
			before := readFile(t, again.Path("job.json"))
			if err := end(s, j); !errors.Is(err, ErrLost) {
				t.Errorf("error = %v; want ErrLost", err)
			}
			spooltest.WantNames(t, again.Dir(), "job.json", "progress.json", "source")
			if after := readFile(t, again.Path("job.json")); after != before {
				t.Errorf("the record of the next worker was changed to %s", after)
			}
			spooltest.Must(t, again.Move(job.Separated))
		})
	}
}

func TestHoldRenewsAndNoticesTheLoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpool(t)
		j := claimed(t, s, "song", "w")
		beside := 0
		ctx, stop := j.Hold(t.Context(), func() { beside++ })
		time.Sleep(10*lease.Default.Renew + 1)
		synctest.Wait()
		var p job.Progress
		spooltest.Must(t, json.Unmarshal([]byte(readFile(t, j.Path("progress.json"))), &p))
		if p.Beat != 10 || beside != 10 || ctx.Err() != nil {
			t.Errorf("%d renewals, beside %d times, %v", p.Beat, beside, ctx.Err())
		}
		_, err := s.takeBack(job.Separating, j.claim, "why")
		spooltest.Must(t, err)
		<-ctx.Done()
		if err := context.Cause(ctx); !errors.Is(err, ErrLost) {
			t.Errorf("cause = %v; want ErrLost", err)
		}
		stop()
	})
}

func TestOwnAreTheJobsOfThisWorkersName(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	mine, theirs := claimed(t, s, "mine", "me"), claimed(t, s, "theirs", "you")
	found, err := newFinder(t, s, job.Separating).Own(job.Separating)
	if err != nil || len(found) != 1 || found[0] != (Found{mine.ID, job.Separating, job.Pending, "me"}) {
		t.Errorf("Own = %v, %v", found, err)
	}
	wantOnlyIn(t, s, mine.ID, job.Pending)
	wantOnlyIn(t, s, theirs.ID, job.Separating)
}

func TestOneJobThatCannotBeTakenBackHidesNoOther(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	bad, good := claimed(t, s, "bad", "me"), claimed(t, s, "good", "me")
	spooltest.Must(t, os.Mkdir(s.jobFolder(job.Pending, bad.ID), place.FolderMode)) // Its place is taken.
	spooltest.Put(t, filepath.Join(s.jobFolder(job.Pending, bad.ID), "x"), "")
	found, err := newFinder(t, s, job.Separating).Own(job.Separating)
	if !errors.Is(err, ErrSetAside) || len(found) != 2 || found[0].To != job.Failed || found[1].ID != good.ID {
		t.Errorf("Own = %v, %v; want the bad one in failed, the good one and an error", found, err)
	}
	wantOnlyIn(t, s, good.ID, job.Pending)
}

func TestAMoveThatWasAnnouncedIsMade(t *testing.T) {
	t.Parallel()
	for _, to := range []job.Stage{job.Separated, job.Rejected, job.Failed, job.Pending} {
		t.Run(string(to), func(t *testing.T) {
			t.Parallel()
			s := newSpool(t)
			j := claimed(t, s, "song", "you")
			j.Error = "why"
			j.Arrive(job.Visit{Stage: to, Start: time.Now()}, "")
			spooltest.Must(t, j.Save())
			spooltest.Put(t, j.Path(place.TempPrefix+"1"), "") // It was removed, and a power cut brought it back.
			newFinder(t, s, job.Separating).wantFound(Found{j.ID, job.Separating, to, "you"})
			wantOnlyIn(t, s, j.ID, to)
			spooltest.WantNames(t, s.jobFolder(to, j.ID), "job.json", "source")
			if j, err := s.Load(to, j.ID); err != nil || j.Error != "why" || len(j.History) != 4 {
				t.Errorf("record = %+v, %v", j, err)
			}
		})
	}
}

// What a worker of an earlier version left: a folder with the bare ID, whose worker is in the
// record, if that was written.
func TestJobsOfAnEarlierVersionAreTakenBack(t *testing.T) {
	t.Parallel()
	for _, recorded := range []bool{true, false} {
		s := newSpool(t)
		j := pending(t, s, "song")
		if recorded {
			j.Attempt = 1
			j.Arrive(job.Visit{Stage: job.Separating, Start: time.Now(), Worker: "you"}, "")
			spooltest.Must(t, j.Save())
		}
		spooltest.Must(t, os.Rename(j.Dir(), s.jobFolder(job.Separating, j.ID)))
		newFinder(t, s, job.Separating).wantFound(Found{j.ID, job.Separating, job.Pending, ""})
		wantOnlyIn(t, s, j.ID, job.Pending)
		j, err := s.Claim(t.Context(), job.Pending, job.Separating, "me")
		spooltest.Must(t, err)
		if j.Attempt != 1 || j.Losses != 1 {
			t.Errorf("attempt %d, %d losses; want one of each", j.Attempt, j.Losses)
		}
	}
}

func TestThePlaceOfAnEarlierVersionsAnnouncementIsFound(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := pending(t, s, "song")
	j.Arrive(job.Visit{Stage: job.Separating, Start: time.Now(), Worker: "me"}, "")
	j.Arrive(job.Visit{Stage: job.Separated, Start: time.Now()}, "")
	spooltest.Must(t, j.Save())
	spooltest.Must(t, os.Rename(j.Dir(), s.jobFolder(job.Separating, j.ID)))
	newFinder(t, s, job.Separating).wantFound(Found{j.ID, job.Separating, job.Separated, ""})
}

func TestAnOrganizersJobWaitsAgainWithItsStems(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "w")
	spooltest.Must(t, os.Mkdir(j.Path(job.StemsFolder), place.FolderMode))
	spooltest.Must(t, j.Move(job.Separated))
	for loss := range MaxLosses {
		j, err := s.Claim(t.Context(), job.Separated, job.Organizing, "lost")
		spooltest.Must(t, err)
		j.Track = "song"
		spooltest.Must(t, j.Save())
		want := job.Separated
		if loss == MaxLosses-1 {
			want = job.Failed
		}
		newFinder(t, s, job.Organizing).wantFound(Found{j.ID, job.Organizing, want, "lost"})
		wantOnlyIn(t, s, j.ID, want)
		spooltest.WantNames(t, s.jobFolder(want, j.ID), "job.json", "source", "stems")
	}
}

func TestADamagedJobIsSetAsideAfterAMinute(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	empty, missing := claimed(t, s, "empty", "you"), claimed(t, s, "missing", "you")
	spooltest.Put(t, empty.Path("job.json"), "")
	spooltest.Must(t, os.Remove(missing.Path("job.json")))
	f := newFinder(t, s, job.Separating)
	f.minute()
	if found, err := f.after(strayEvery); len(found) != 2 || !errors.Is(err, ErrDamaged) {
		t.Errorf("found %v, %v; want both, and ErrDamaged", found, err)
	}
	for _, j := range []*Job{empty, missing} {
		wantOnlyIn(t, s, j.ID, job.Failed)
		if got := readFile(t, filepath.Join(s.jobFolder(job.Failed, j.ID), job.SourceFile)); got != "sound of "+j.Name {
			t.Errorf("source = %q", got)
		}
	}
	if found, err := f.after(strayEvery); len(found) != 0 || err != nil {
		t.Errorf("then found %v, %v", found, err)
	}
}

func TestAHistoryThatMakesNoSenseLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	for _, last := range []job.Stage{job.Incoming, job.Organizing, ""} {
		s := newSpool(t)
		j := claimed(t, s, "song", "you")
		j.History = []job.Visit{{Stage: job.Separating, Worker: "me", Claim: j.claim.Token}, {Stage: last}}
		if last == "" {
			j.History = nil
		}
		spooltest.Must(t, j.Save())
		newFinder(t, s, job.Separating).wantFound(Found{j.ID, job.Separating, job.Pending, "you"})
		wantOnlyIn(t, s, j.ID, job.Pending)
	}
}

// Strays is asked on each turn of a loop, and does not look each time.
func TestStraysLooksNowAndThen(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	f := newFinder(t, s, job.Separating)
	_, err := f.after(0)
	spooltest.Must(t, err)
	claimed(t, s, "song", "w")
	_, err = f.after(strayEvery - 1)
	spooltest.Must(t, err)
	if len(f.seen) != 0 {
		t.Error("it looked again at once")
	}
	_, err = f.after(1)
	spooltest.Must(t, err)
	if len(f.seen) != 1 {
		t.Error("it did not look again")
	}
}

func TestFinishMove(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j, err := s.Create("watcher")
	spooltest.Must(t, err)
	if _, err := s.FinishMove(j.claim); !errors.Is(err, ErrNoRecord) {
		t.Errorf("error = %v; want ErrNoRecord", err)
	}
	j.SetName("song")
	spooltest.Must(t, j.Save())
	if moved, err := s.FinishMove(j.claim); moved || err != nil {
		t.Errorf("moved %v, %v", moved, err)
	}
	j.Arrive(job.Visit{Stage: job.Pending, Start: time.Now()}, "")
	spooltest.Must(t, j.Save())
	if moved, err := s.FinishMove(j.claim); moved || err != nil {
		t.Errorf("moved %v, %v without a source", moved, err)
	}
	spooltest.Put(t, j.Path(job.SourceFile), "")
	if moved, err := s.FinishMove(j.claim); !moved || err != nil {
		t.Errorf("moved %v, %v", moved, err)
	}
	wantOnlyIn(t, s, j.ID, job.Pending)
}
