//go:build unix

package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestOpenMakesEveryFolderAndReadyBringsThemBack(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	spooltest.WantNames(t, s.data, "archive", "input", "output", "queue", "rejected")
	spooltest.WantNames(t, filepath.Join(s.data, "queue"),
		"done", "failed", "incoming", "organizing", "pending", "rejected", "separated", "separating")
	spooltest.Must(t, os.RemoveAll(filepath.Join(s.data, "queue")))
	spooltest.Must(t, s.Ready())
	if !place.Exists(s.StageFolder(job.Pending)) {
		t.Error("Ready did not make a removed folder")
	}
}

func TestOpenFailsWithoutADataFolder(t *testing.T) {
	t.Parallel()
	if _, err := Open(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v; want fs.ErrNotExist", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	spooltest.Put(t, file, "")
	if _, err := Open(file); err == nil {
		t.Error("a file was opened as a data folder")
	}
}

func TestUnprivilegedReadyNoticesFoldersThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	spooltest.NeedUnprivileged(t)
	s := newSpool(t)
	t.Cleanup(func() { // Or else the test's folder could not be removed.
		spooltest.Must(t, os.Chmod(s.data, place.FolderMode))
		spooltest.Must(t, os.Chmod(s.StageFolder(job.Pending), place.FolderMode))
	})
	spooltest.Must(t, os.Chmod(s.StageFolder(job.Pending), 0o500))
	if err := s.Ready(); !errors.Is(err, ErrNotWritable) {
		t.Errorf("error = %v; want ErrNotWritable", err)
	}
	spooltest.Must(t, os.Remove(s.Input()))
	spooltest.Must(t, os.Chmod(s.data, 0o500))
	if err := s.Ready(); !errors.Is(err, ErrNotWritable) {
		t.Errorf("error = %v; want ErrNotWritable", err)
	}
}

func TestAJobGoesAllTheWay(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	clock := time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	s.now = func() time.Time { clock = clock.Add(time.Second); return clock }

	id := pending(t, s, "song.mp3").ID
	wantOnlyIn(t, s, id, job.Pending)
	j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w1")
	spooltest.Must(t, err)
	wantOnlyIn(t, s, id, job.Separating)
	spooltest.Must(t, j.SetProgress(job.Separation, 3, 17))
	spooltest.Must(t, j.Move(job.Separated))
	j, err = s.Claim(t.Context(), job.Separated, job.Organizing, "o1")
	spooltest.Must(t, err)
	spooltest.Must(t, os.Remove(j.Path(job.SourceFile))) // It is in archive/ now.
	spooltest.Must(t, j.Finish())
	wantOnlyIn(t, s, id, job.Done)
	spooltest.WantNames(t, j.Dir(), "job.json")

	j, err = s.Load(job.Done, id)
	spooltest.Must(t, err)
	wantHistory(t, &j.Record,
		"incoming watcher 0 ended", "pending  0 ended", "separating w1 1 ended",
		"separated  1 ended", "organizing o1 1 ended", "done  1 open")
	if got := j.Timings(clock)[job.Separating]; got != 2 {
		t.Errorf("timing of separating = %v; want 2 seconds", got)
	}
}

func TestProgressIsReadableOutside(t *testing.T) {
	t.Parallel()
	j := claimed(t, newSpool(t), "song", "w")
	spooltest.Must(t, j.SetProgress(job.Decoding, 0, 0))
	var got map[string]any
	spooltest.Must(t, json.Unmarshal([]byte(readFile(t, j.Path("progress.json"))), &got))
	if got["phase"] != "decoding" || got["done"] != 0.0 || got["total"] != 0.0 || got["updated"] == nil {
		t.Errorf("progress.json = %v", got)
	}
}

// Each of many jobs is claimed exactly once by many workers, some of which share a Spool and
// some of which have their own, like workers in other containers.
func TestEachJobIsClaimedExactlyOnce(t *testing.T) {
	t.Parallel()
	const jobs, workers = 200, 8
	shared := newSpool(t)
	for i := range jobs {
		pending(t, shared, fmt.Sprintf("song %d", i))
	}
	var wg sync.WaitGroup
	claims := make([][]string, workers)
	for w := range workers {
		s := shared
		if w%2 == 1 {
			own, err := Open(shared.data)
			spooltest.Must(t, err)
			s = own
		}
		wg.Go(func() { claims[w] = claimAll(t, s, fmt.Sprintf("w%d", w)) })
	}
	wg.Wait()
	all := slices.Concat(claims...)
	slices.Sort(all)
	if len(all) != jobs || len(slices.Compact(all)) != jobs {
		t.Errorf("%d claims of %d jobs; want each exactly once", len(all), jobs)
	}
	spooltest.WantNames(t, shared.StageFolder(job.Pending))
}

func claimAll(t *testing.T, s *Spool, worker string) (ids []string) {
	t.Helper()
	for {
		j, err := s.Claim(t.Context(), job.Pending, job.Separating, worker)
		if errors.Is(err, ErrNone) {
			return ids
		}
		if err != nil {
			t.Error(err)
			return ids
		}
		if _, err := s.Load(job.Separating, j.ID); err != nil || j.Last().Worker != worker || j.Attempt != 1 {
			t.Errorf("claimed job = %+v, %v", j, err)
		}
		ids = append(ids, j.ID)
	}
}

func TestClaimTakesTheOldestAndLeavesWhatIsNoJob(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	spooltest.Must(t, os.Mkdir(filepath.Join(s.StageFolder(job.Pending), "lost+found"), place.FolderMode))
	spooltest.Put(t, filepath.Join(s.StageFolder(job.Pending), ".DS_Store"), "")
	first := pending(t, s, "1").ID
	second := pending(t, s, "2").ID
	if j, err := s.ClaimBut(t.Context(), job.Pending, job.Separating, "w", func(string) bool { return true }); !errors.Is(err, ErrNone) {
		t.Errorf("claimed %v, %v; all were to be skipped", j, err)
	}
	third := pending(t, s, "3").ID
	if j, err := s.ClaimBut(t.Context(), job.Pending, job.Separating, "w", func(id string) bool { return id != third }); err != nil || j.ID != third {
		t.Errorf("claimed %v, %v; want %s", j, err, third)
	}
	for _, want := range []string{first, second} {
		j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w")
		if err != nil || j.ID != want {
			t.Fatalf("claimed %v, %v; want %s", j, err, want)
		}
	}
	if _, err := s.Claim(t.Context(), job.Pending, job.Separating, "w"); !errors.Is(err, ErrNone) {
		t.Errorf("error = %v; want ErrNone", err)
	}
	spooltest.WantNames(t, s.StageFolder(job.Pending), ".DS_Store", "lost+found")
}

func TestClaimStopsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	id := pending(t, s, "song").ID
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Claim(ctx, job.Pending, job.Separating, "w"); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v; want context.Canceled", err)
	}
	wantOnlyIn(t, s, id, job.Pending)
}

func TestClaimSetsADamagedJobAsideAndGoesOn(t *testing.T) {
	t.Parallel()
	for _, damage := range []string{"", "{", `{"id":"20261123T113047.123456Z-1a2b3c4d"}`} {
		s := newSpool(t)
		bad, good := pending(t, s, "bad"), pending(t, s, "good")
		spooltest.Put(t, bad.Path("job.json"), damage)
		if _, err := s.Claim(t.Context(), job.Pending, job.Separating, "w"); !errors.Is(err, ErrDamaged) {
			t.Errorf("error = %v; want ErrDamaged", err)
		}
		wantOnlyIn(t, s, bad.ID, job.Failed)
		spooltest.WantNames(t, s.jobFolder(job.Failed, bad.ID), "job.json", "job.json.damaged", "source")
		if j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w"); err != nil || j.ID != good.ID {
			t.Errorf("then claimed %v, %v; want the good job", j, err)
		}
	}
}

// A job that has lost its record stands in nobody's way, and keeps its source.
func TestClaimSetsAJobWithoutRecordAside(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	bad, good := pending(t, s, "bad"), pending(t, s, "good")
	spooltest.Must(t, os.Remove(bad.Path("job.json")))
	if _, err := s.Claim(t.Context(), job.Pending, job.Separating, "w"); !errors.Is(err, ErrDamaged) {
		t.Errorf("error = %v; want ErrDamaged", err)
	}
	wantOnlyIn(t, s, bad.ID, job.Failed)
	if got := readFile(t, filepath.Join(s.jobFolder(job.Failed, bad.ID), job.SourceFile)); got != "sound of bad" {
		t.Errorf("source = %q", got)
	}
	j, err := s.Load(job.Failed, bad.ID)
	if err != nil || !strings.Contains(j.Error, "job.json is damaged: it is missing; what is left of the job is in queue/failed/") {
		t.Errorf("record = %+v, %v", j, err)
	}
	if j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w"); err != nil || j.ID != good.ID {
		t.Errorf("then claimed %v, %v; want the good job", j, err)
	}
}

func TestAClaimThatCannotBeReadIsUndoneAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	bad, good := pending(t, s, "bad"), pending(t, s, "good")
	s.disk = place.Placer{Disk: unreadable{s.disk.Disk, bad.ID}}
	if j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w"); err != nil || j.ID != good.ID {
		t.Fatalf("claimed %v, %v; want the good job", j, err)
	}
	if _, err := s.Claim(t.Context(), job.Pending, job.Separating, "w"); !errors.Is(err, syscall.EIO) {
		t.Errorf("error = %v; want what is wrong with the bad one", err)
	}
	if got := readFile(t, bad.Path(job.SourceFile)); got != "sound of bad" {
		t.Errorf("source = %q", got)
	}
}

// An unreadable disk has errors where the record of one job is.
type unreadable struct {
	place.Disk
	id string
}

func (u unreadable) ReadFile(path string) ([]byte, error) {
	if strings.Contains(path, u.id) {
		return nil, syscall.EIO
	}
	return u.Disk.ReadFile(path)
}

// A file server may answer that there is no such file to a rename that it made, when its first
// answer got lost and the question was asked again.
func TestAClaimWhoseAnswerGotLostIsAClaim(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	id := pending(t, s, "song").ID
	s.disk = place.Placer{Disk: forgetful{s.disk.Disk}}
	j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w")
	if err != nil || j.ID != id {
		t.Errorf("claimed %v, %v; want the job", j, err)
	}
}

type forgetful struct{ place.Disk }

func (f forgetful) Rename(from, to string) error {
	if err := f.Disk.Rename(from, to); err != nil {
		return err
	}
	return syscall.ENOENT
}

// What came back, or was brought back, is not older than it looks to whoever listed before.
func TestAListingIsNotUsedForEver(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	clock := time.Now()
	s.now = func() time.Time { clock = clock.Add(time.Microsecond); return clock }
	first, second := pending(t, s, "1"), pending(t, s, "2")
	pending(t, s, "3")
	j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w")
	spooltest.Must(t, err)
	spooltest.Must(t, j.HandBack("stop"))
	if j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w"); err != nil || j.ID != second.ID {
		t.Errorf("claimed %v, %v; want the second: the list is young", j, err)
	}
	clock = clock.Add(freshList + 1)
	if j, err := s.Claim(t.Context(), job.Pending, job.Separating, "w"); err != nil || j.ID != first.ID {
		t.Errorf("claimed %v, %v; want the first, which came back", j, err)
	}
}
