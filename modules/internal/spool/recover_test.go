//go:build unix

package spool

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
)

// A finder is a Recovery with a clock that only the test moves.
type finder struct {
	*Recovery
	t     *testing.T
	clock time.Time
}

func newFinder(t *testing.T, s *Spool, stage Stage, others bool) *finder {
	t.Helper()
	f := &finder{Recovery: s.Recovery(stage, "me", others), t: t, clock: time.Now()}
	f.now = func() time.Time { return f.clock }
	return f
}

// after moves the clock and looks once.
func (f *finder) after(d time.Duration) ([]Found, error) {
	f.t.Helper()
	f.clock = f.clock.Add(d)
	return f.Strays()
}

// wantFound checks that nothing happens before the minute is over, and then this.
func (f *finder) wantFound(want ...Found) {
	f.t.Helper()
	for _, d := range []time.Duration{0, 30 * time.Second, patience - 30*time.Second - 1} {
		if found, err := f.after(d); len(found) != 0 || err != nil {
			f.t.Fatalf("found %v, %v before the minute was over", found, err)
		}
	}
	found, err := f.after(strayEvery)
	must(f.t, err)
	if len(found) != len(want) || (len(want) > 0 && found[0] != want[0]) {
		f.t.Errorf("found %v; want %v", found, want)
	}
}

// killedClaim renames a job's folder into Separating as Claim does, and is killed then.
func killedClaim(t *testing.T, s *Spool, id string, from Stage) {
	t.Helper()
	must(t, os.Rename(s.jobFolder(from, id), s.jobFolder(Separating, id)))
}

func TestAClaimThatWasNotRecordedIsPutBackAfterAMinute(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := pending(t, s, "song")
	killedClaim(t, s, j.ID, Pending)
	f := newFinder(t, s, Separating, false)
	if own, done, err := f.Own(); len(own)+len(done) != 0 || err != nil {
		t.Errorf("Own = %v, %v, %v; want nothing", own, done, err)
	}
	f.wantFound(Found{j.ID, Pending})
	wantOnlyIn(t, s, j.ID, Pending)
	j, err := s.Claim(t.Context(), Pending, Separating, "me")
	must(t, err)
	wantHistory(t, &j.Record, "incoming watcher 0 ended", "pending  0 ended", "separating me 1 open")
}

// A worker that had the job once must not take it from the one that is claiming it now.
func TestAJobThatIsBeingClaimedIsNotTakenAway(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "me")
	must(t, j.HandBack("stop"))
	killedClaim(t, s, j.ID, Pending) // By another one, which is about to record it.
	f := newFinder(t, s, Separating, false)
	own, done, err := f.Own()
	must(t, err)
	if len(own)+len(done) != 0 {
		t.Errorf("Own = %v, %v; want nothing", own, done)
	}
	_, err = f.after(0)
	must(t, err)
	_, err = s.enter(Pending, Separating, j.ID, "you")
	must(t, err)
	if found, err := f.after(patience); len(found) != 0 || err != nil {
		t.Errorf("found %v, %v; want nothing", found, err)
	}
	wantOnlyIn(t, s, j.ID, Separating)
}

func TestOwnAreTheJobsOfThisWorker(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	mine, theirs := claimed(t, s, "mine", "me"), claimed(t, s, "theirs", "you")
	f := newFinder(t, s, Separating, false)
	own, done, err := f.Own()
	if err != nil || len(done) != 0 || len(own) != 1 || own[0].ID != mine.ID {
		t.Errorf("Own = %v, %v, %v", own, done, err)
	}
	f.wantFound()
	wantOnlyIn(t, s, theirs.ID, Separating)
}

func TestOneJobThatCannotBeReadHidesNoOther(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	claimed(t, s, "bad", "me")
	bad := claimed(t, s, "worse", "me")
	good := claimed(t, s, "good", "me")
	must(t, bad.move(Failed, "x"))
	killedClaim(t, s, bad.ID, Failed) // Announced, and cannot be made: something is there.
	must(t, os.Mkdir(s.jobFolder(Failed, bad.ID), place.FolderMode))
	writeFile(t, filepath.Join(s.jobFolder(Failed, bad.ID), "x"), "")
	own, done, err := newFinder(t, s, Separating, false).Own()
	if err == nil || len(done) != 0 || len(own) != 2 || own[1].ID != good.ID {
		t.Errorf("Own = %v, %v, %v; want both good ones and an error", own, done, err)
	}
}

func TestAMoveThatWasAnnouncedIsMade(t *testing.T) {
	t.Parallel()
	for _, to := range []Stage{Separated, Rejected, Failed} {
		for _, worker := range []string{"me", "you"} {
			t.Run(string(to)+" by "+worker, func(t *testing.T) {
				t.Parallel()
				s := newSpool(t)
				j := claimed(t, s, "song", worker)
				j.Error = "why"
				j.arrive(to, "", "", time.Now())
				must(t, j.Save())
				f := newFinder(t, s, Separating, false)
				own, done, err := f.Own()
				must(t, err)
				if worker == "me" {
					if len(own) != 0 || len(done) != 1 || done[0] != (Found{j.ID, to}) {
						t.Errorf("Own = %v, %v", own, done)
					}
				} else {
					f.wantFound(Found{j.ID, to})
				}
				wantOnlyIn(t, s, j.ID, to)
				if j, err := s.Load(to, j.ID); err != nil || j.Error != "why" {
					t.Errorf("record = %+v, %v", j, err)
				}
			})
		}
	}
}

func TestJobsOfOthersAreTakenOnlyWhereThatWasAsked(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	must(t, claimed(t, s, "song", "w").Move(Separated))
	j, err := s.Claim(t.Context(), Separated, Organizing, "lost")
	must(t, err)
	newFinder(t, s, Organizing, false).wantFound()
	newFinder(t, s, Organizing, true).wantFound(Found{j.ID, Separated})
	wantOnlyIn(t, s, j.ID, Separated)
	j, err = s.Claim(t.Context(), Separated, Organizing, "me")
	must(t, err)
	newFinder(t, s, Organizing, true).wantFound() // Its own are not its to find.
	wantOnlyIn(t, s, j.ID, Organizing)
}

func TestADamagedJobIsSetAsideAfterAMinute(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	empty, missing := claimed(t, s, "empty", "you"), claimed(t, s, "missing", "you")
	writeFile(t, empty.Path("job.json"), "")
	must(t, os.Remove(missing.Path("job.json")))
	f := newFinder(t, s, Separating, false)
	for _, d := range []time.Duration{0, patience - 1} {
		if found, err := f.after(d); len(found) != 0 || err != nil {
			t.Fatalf("found %v, %v too early", found, err)
		}
	}
	if found, err := f.after(strayEvery); len(found) != 2 || !errors.Is(err, ErrDamaged) {
		t.Errorf("found %v, %v; want both, and ErrDamaged", found, err)
	}
	for _, j := range []*Job{empty, missing} {
		wantOnlyIn(t, s, j.ID, Failed)
		if got := readFile(t, filepath.Join(s.jobFolder(Failed, j.ID), SourceFile)); got != "sound of "+j.Name {
			t.Errorf("source = %q", got)
		}
	}
	if found, err := f.after(strayEvery); len(found) != 0 || err != nil {
		t.Errorf("then found %v, %v", found, err)
	}
}

func TestAHistoryThatMakesNoSenseLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	for _, last := range []Stage{"../../..", Incoming, Organizing, ""} {
		s := newSpool(t)
		j := claimed(t, s, "song", "you")
		j.History = []Visit{{Stage: Separating, Worker: "me"}, {Stage: last}}
		if last == "" {
			j.History = nil
		}
		must(t, j.Save())
		f := newFinder(t, s, Separating, false)
		if own, done, err := f.Own(); len(own)+len(done) != 0 || err != nil {
			t.Errorf("Own = %v, %v, %v", own, done, err)
		}
		f.wantFound(Found{j.ID, Pending})
		wantOnlyIn(t, s, j.ID, Pending)
	}
}

// Strays is asked on each turn of a loop, and does not look each time.
func TestStraysLooksNowAndThen(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	f := newFinder(t, s, Separating, false)
	_, err := f.after(0)
	must(t, err)
	killedClaim(t, s, pending(t, s, "song").ID, Pending)
	_, err = f.after(strayEvery - 1)
	must(t, err)
	if len(f.seen) != 0 {
		t.Error("it looked again at once")
	}
	_, err = f.after(1)
	must(t, err)
	if len(f.seen) != 1 {
		t.Error("it did not look again")
	}
}

func TestFinishMove(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j, err := s.Create("watcher")
	must(t, err)
	if _, err := s.FinishMove(Incoming, j.ID); !errors.Is(err, ErrNoRecord) {
		t.Errorf("error = %v; want ErrNoRecord", err)
	}
	must(t, j.Save())
	if moved, err := s.FinishMove(Incoming, j.ID); moved || err != nil {
		t.Errorf("moved %v, %v", moved, err)
	}
	j.arrive(Pending, "", "", time.Now())
	must(t, j.Save())
	if moved, err := s.FinishMove(Incoming, j.ID); !moved || err != nil {
		t.Errorf("moved %v, %v", moved, err)
	}
	wantOnlyIn(t, s, j.ID, Pending)
}

// A crash at any step of setting a job aside leaves one that the next try completes, with the
// song and the damaged record in it.
func TestSetAsideCanBeRepeatedAfterACrash(t *testing.T) {
	t.Parallel()
	cause := errors.New("damaged")
	steps := map[string]func(t *testing.T, s *Spool, j *Job){
		"nothing was done": func(*testing.T, *Spool, *Job) {},
		"it has its second name": func(t *testing.T, _ *Spool, j *Job) {
			t.Helper()
			must(t, j.keepDamaged())
		},
		"the new record was written": func(t *testing.T, s *Spool, j *Job) {
			t.Helper()
			must(t, os.Remove(s.StageFolder(Failed)))
			if err := s.SetAside(Separating, j.ID, cause); err == nil {
				t.Fatal("it was set aside to nowhere")
			}
			must(t, s.Ready())
		},
	}
	for name, until := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSpool(t)
			j := claimed(t, s, "song", "w")
			must(t, os.Mkdir(j.Path("taken"), place.FolderMode))
			writeFile(t, j.Path("taken", "song"), "sound")
			writeFile(t, j.Path("job.json"), "{damaged")
			until(t, s, j)
			if _, err := os.Lstat(j.Path("job.json")); err != nil {
				t.Errorf("there is no job.json: %v", err)
			}
			if name == "the new record was written" {
				newFinder(t, s, Separating, false).wantFound(Found{j.ID, Failed})
			} else {
				must(t, s.SetAside(Separating, j.ID, cause))
			}
			wantOnlyIn(t, s, j.ID, Failed)
			dir := s.jobFolder(Failed, j.ID)
			wantNames(t, dir, "job.json", "job.json.damaged", "source", "taken")
			for file, want := range map[string]string{"job.json.damaged": "{damaged", "source": "sound of song", "taken/song": "sound"} {
				if got := readFile(t, filepath.Join(dir, file)); got != want {
					t.Errorf("%s holds %q; want %q", file, got, want)
				}
			}
		})
	}
}

func TestSetAsideKeepsEveryDamagedRecord(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "w")
	writeFile(t, j.Path("job.json.damaged"), "an older one")
	must(t, os.Remove(j.Path("job.json")))
	must(t, os.Mkdir(j.Path("job.json"), place.FolderMode))
	writeFile(t, j.Path("job.json", "x"), "not looked at")
	_, err := s.Load(Separating, j.ID)
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("error = %v; want ErrDamaged", err)
	}
	must(t, s.SetAside(Separating, j.ID, err))
	dir := s.jobFolder(Failed, j.ID)
	if got := readFile(t, filepath.Join(dir, "job.json (2).damaged", "x")); got != "not looked at" {
		t.Errorf("kept %q", got)
	}
	if got := readFile(t, filepath.Join(dir, "job.json.damaged")); got != "an older one" {
		t.Errorf("kept %q", got)
	}
}
