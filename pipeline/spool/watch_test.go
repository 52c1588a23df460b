//go:build unix

package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A watchClock is a Watch with a clock that the test moves.
type watchClock struct {
	*Watch
	clock time.Time
}

func newWatch(s *Spool, worker string) *watchClock {
	w := &watchClock{Watch: s.Watch(worker), clock: time.Now()}
	w.now = func() time.Time { return w.clock }
	return w
}

// wantHolder asks for the lease, some time later.
func (w *watchClock) wantHolder(t *testing.T, later time.Duration, want string) {
	t.Helper()
	w.clock = w.clock.Add(later)
	if holder, err := w.Acquire(); holder != want || err != nil {
		t.Errorf("Acquire = %q, %v; want %q", holder, err, want)
	}
}

func TestOfManyWatchersOneGetsTheLease(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	for round := range 20 {
		var wait sync.WaitGroup
		holders := make([]string, 16)
		watches := make([]*Watch, len(holders))
		for i := range holders {
			watches[i] = s.Watch("w" + string(rune('a'+i)))
			wait.Go(func() {
				holder, err := watches[i].Acquire()
				if err != nil {
					t.Errorf("Acquire = %v", err)
				}
				holders[i] = holder
			})
		}
		wait.Wait()
		got := slices.Index(holders, "")
		if got < 0 || slices.Contains(holders[got+1:], "") {
			t.Fatalf("round %d: holders %q; want one without a name", round, holders)
		}
		entries, err := os.ReadDir(filepath.Join(s.data, "queue", "watcher"))
		if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), watches[got].worker+".") {
			t.Fatalf("round %d: the lease is %v, %v", round, entries, err)
		}
		if round%2 == 0 {
			spooltest.Must(t, watches[got].Release())
			continue
		}
		spooltest.Must(t, os.RemoveAll(filepath.Join(s.data, "queue", "watcher"))) // They make it again.
	}
	spooltest.WantNames(t, filepath.Join(s.data, "queue"), "done", "failed", "incoming", "organizing", "pending", "rejected", "separated", "separating")
}

func TestAWatcherTakesOverAfterAMinute(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	a, b := newWatch(s, "a"), newWatch(s, "b")
	a.wantHolder(t, 0, "")
	for range 30 {
		spooltest.Must(t, a.Renew())
		b.wantHolder(t, 5*time.Second, "a")
	}
	b.wantHolder(t, time.Hour, "a") // It may have been stopped itself.
	for range 9 {
		b.wantHolder(t, 5*time.Second, "a")
	}
	b.wantHolder(t, 5*time.Second, "")
	if err := a.Renew(); !errors.Is(err, ErrLost) {
		t.Errorf("Renew of the one before = %v", err)
	}
	a.wantHolder(t, 0, "b") // No run of it was before.
	spooltest.Must(t, a.Release())
	spooltest.Must(t, b.Renew())
	spooltest.Must(t, b.Release())
	a.wantHolder(t, 0, "")
	newWatch(s, "a").wantHolder(t, 0, "") // One that was started again.
}

// What a watcher does after it lost the lease, without knowing, changes nothing.
func TestAWatcherThatLostTheLease(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	a, b := newWatch(s, "a"), newWatch(s, "b")
	a.wantHolder(t, 0, "")
	begun, err := a.Create()
	spooltest.Must(t, err)
	spooltest.Put(t, filepath.Join(s.Input(), "song.wav"), "la")
	b.wantHolder(t, 0, "a")
	for range 11 {
		b.wantHolder(t, 5*time.Second, "a")
	}
	b.wantHolder(t, 5*time.Second, "")

	if err := s.disk.Rename(filepath.Join(s.Input(), "song.wav"), begun.Path(job.SourceFile)); err != nil {
		t.Fatal(err) // b has not come to its job so far.
	}
	adopted, err := b.Adopt()
	if err != nil || len(adopted) != 1 || adopted[0].ID != begun.ID {
		t.Fatalf("adopted %v, %v", adopted, err)
	}
	begun.SetName("song.wav")
	for what, err := range map[string]error{"Save": begun.Save(), "Move": begun.Move(job.Pending), "Reject": begun.Reject(begun.Path(job.SourceFile), "bad")} {
		if !errors.Is(err, ErrLost) {
			t.Errorf("%s = %v; want ErrLost", what, err)
		}
	}
	if _, err := a.Create(); !errors.Is(err, ErrLost) {
		t.Errorf("Create = %v; want ErrLost", err)
	}
	if _, err := a.Adopt(); !errors.Is(err, ErrLost) {
		t.Errorf("Adopt = %v; want ErrLost", err)
	}
	spooltest.WantNames(t, s.StageFolder(job.Incoming), adopted[0].Name())
	j := s.Fresh(adopted[0])
	spooltest.WantText(t, j.Path(job.SourceFile), "la")
	j.SetName("song.wav")
	spooltest.Must(t, j.Move(job.Pending))
	wantOnlyIn(t, s, j.ID, job.Pending)
	if again, err := b.Adopt(); len(again) != 0 || err != nil {
		t.Errorf("adopted again: %v, %v", again, err)
	}
}

func TestTwoLeasesAreOneTooMany(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	spooltest.Must(t, s.Watch("a").Release())
	newWatch(s, "a").wantHolder(t, 0, "")
	spooltest.Must(t, os.Mkdir(filepath.Join(s.data, "queue", "watcher", "free"), 0o755))
	spooltest.Put(t, filepath.Join(s.data, "queue", "watcher", ".DS_Store"), "")
	_, err := s.Watch("b").Acquire()
	if err == nil || !strings.Contains(err.Error(), `fix: stop all watchers, and remove that folder`) {
		t.Errorf("error = %v", err)
	}
}

// A meanwhileDisk does something once, after the first call that ends: what another process does meanwhile.
type meanwhileDisk struct {
	place.Disk
	after string // "list", "rename" or "mkdir"
	do    func()
}

func (d *meanwhileDisk) ended(call string) {
	if do := d.do; call == d.after && do != nil {
		d.do = nil
		do()
	}
}

func (d *meanwhileDisk) ReadDir(path string) ([]fs.DirEntry, error) {
	defer d.ended("list")
	return d.Disk.ReadDir(path)
}

func (d *meanwhileDisk) Rename(oldPath, newPath string) error {
	defer d.ended("rename")
	return d.Disk.Rename(oldPath, newPath)
}

func (d *meanwhileDisk) Mkdir(path string) error {
	defer d.ended("mkdir")
	return d.Disk.Mkdir(path)
}

func (s *Spool) meanwhile(after string, do func()) {
	s.disk.Disk = &meanwhileDisk{s.disk.Disk, after, do}
}

// A list that was read during a renewal may have both names.
func TestALeaseThatIsBeingRenewedIsOne(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	newWatch(s, "a").wantHolder(t, 0, "")
	second := filepath.Join(s.data, "queue", "watcher", "a.00112233")
	spooltest.Must(t, os.Mkdir(second, 0o755))
	s.meanwhile("list", func() { spooltest.Must(t, os.Remove(second)) })
	newWatch(s, "b").wantHolder(t, 0, "a")
}

// A lease that another one takes while it is given back is not one that could not be given back.
func TestALeaseIsTakenWhileItIsGivenBack(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	a := newWatch(s, "a")
	a.wantHolder(t, 0, "")
	s.meanwhile("rename", func() { spooltest.Must(t, os.Rename(a.path(a.next), a.path("b.00112233"))) })
	if err := a.Release(); err != nil {
		t.Errorf("Release = %v", err)
	}
	spooltest.WantNames(t, a.path(""), "b.00112233")
}

// A job that was begun before the lease was given back is not one of the holder that this process became again.
func TestAJobOfAnEarlierTenureIsLost(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	a := newWatch(s, "a")
	a.wantHolder(t, 0, "")
	s.meanwhile("mkdir", func() {
		spooltest.Must(t, a.Release())
		a.wantHolder(t, 0, "")
	})
	if _, err := a.Create(); !errors.Is(err, ErrLost) {
		t.Errorf("Create = %v; want ErrLost", err)
	}
	spooltest.WantNames(t, s.StageFolder(job.Incoming))
	spooltest.Must(t, a.Renew())
}

// What several goroutines do with one lease neither loses it nor makes a second one: the next holder waits for nothing.
func TestALeaseIsGivenBackDuringRenewals(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	for round := range 50 {
		w := s.Watch("a")
		if holder, err := w.Acquire(); holder != "" || err != nil {
			t.Fatalf("round %d: Acquire = %q, %v", round, holder, err)
		}
		var wait sync.WaitGroup
		start := make(chan struct{})
		for range 4 {
			wait.Go(func() {
				<-start
				for {
					err := w.Renew()
					if errors.Is(err, ErrLost) {
						return
					}
					if err != nil {
						t.Errorf("Renew = %v", err)
						return
					}
				}
			})
		}
		for range 2 {
			wait.Go(func() {
				<-start
				if j, err := w.Create(); err == nil {
					spooltest.Must(t, j.Discard())
				} else if !errors.Is(err, ErrLost) {
					t.Errorf("Create = %v", err)
				}
				if err := w.Release(); err != nil {
					t.Errorf("Release = %v", err)
				}
			})
		}
		close(start)
		wait.Wait()
		spooltest.WantNames(t, w.path(""), "free")
	}
}
