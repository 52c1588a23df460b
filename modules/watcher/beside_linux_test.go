package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// took takes a turn, waits for what is done beside it, and returns the turn's error.
func (b *bench) took(later time.Duration) error {
	b.clock = b.clock.Add(later)
	_, err := b.turn(b.t.Context())
	b.beside.Wait()
	return err
}

func (b *bench) reads() int { return strings.Count(b.log.String(), "reading a large file") }

// A large file that cannot be taken because the disk is full is not read again on each turn, keeps no turn from other songs,
// and the trouble is told all the time, in the same words.
func TestALargeFileOnAFullDiskRests(t *testing.T) {
	t.Parallel()
	b := smallDisk(t, "1m")
	b.large = 1 << 10
	b.sparse("a.wav", 2<<10)
	spooltest.Must(t, errors.Join(b.took(0), b.took(settleTime)))
	filler := filepath.Join(b.data, "filler")
	if err := os.WriteFile(filler, make([]byte, 2<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	spooltest.Must(t, b.took(0)) // It is being read.
	said := ""
	for range 4 {
		err := b.took(0)
		if !errors.Is(err, syscall.ENOSPC) || said != "" && said != withoutTemp(err) {
			t.Fatalf("turn = %v, after %q", err, said)
		}
		said = withoutTemp(err)
	}
	if n := b.reads(); n != 1 {
		t.Errorf("it was read %d times without a rest", n)
	}
	for range 4 { // With rests, it is read again.
		if err := b.took(restFor); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("turn = %v; want ENOSPC", err)
		}
	}
	if n := b.reads(); n < 2 {
		t.Errorf("it was read %d times with rests", n)
	}
	spooltest.Must(t, os.Remove(filler))
	for range 3 {
		_ = b.took(restFor) // The first one tells what was.
	}
	spooltest.Must(t, b.took(0))
	b.wantQueue(map[job.Stage]int{job.Pending: 1})
}

// withoutTemp is an error's text without the name of a temporary file, as the loop compares it.
func withoutTemp(err error) string {
	if err == nil {
		return ""
	}
	before, _, _ := strings.Cut(err.Error(), place.TempPrefix)
	return before
}

// What is wrong with a large file for whose copy there is no room is told on each turn, also while it is read again.
func TestTheTroubleOfALargeFileIsToldOnEachTurn(t *testing.T) {
	t.Parallel()
	b := smallDisk(t, "16m")
	b.large = 1 << 20
	b.sparse("a.wav", 15<<20)
	second := b.linked(filepath.Join(b.spool.Input(), "a.wav"))
	spooltest.Must(t, os.WriteFile(filepath.Join(b.data, "filler"), make([]byte, 2<<20), 0o600))
	spooltest.Must(t, errors.Join(b.took(0), b.took(settleTime), b.took(0)))
	for turn := range 6 {
		if err := b.took(restFor); err == nil || strings.Count(err.Error(), "waits to be copied") != 1 || spool.StopsAll(err) {
			t.Errorf("turn %d = %v", turn, err)
		}
	}
	if n := b.reads(); n < 3 {
		t.Errorf("it was tried %d times", n)
	}
	spooltest.Must(t, os.Remove(second))
	_, _ = b.took(restFor), b.took(restFor)
	spooltest.Must(t, errors.Join(b.took(restFor), b.took(restFor)))
	b.wantQueue(map[job.Stage]int{job.Pending: 1})
}

// A large file whose job was set aside, or that cannot be seen, is said.
func TestTheEndOfALargeFileIsSaid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.large = 1 << 10
	b.sparse("a.wav", 2<<10)
	b.rename = func(from, to string) error {
		c, _ := job.ParseClaim(filepath.Base(filepath.Dir(filepath.Dir(to))))
		spooltest.Put(t, filepath.Join(b.spool.StageFolder(job.Pending), c.ID), "in the way")
		return os.Rename(from, to)
	}
	for range 4 {
		spooltest.Must(t, b.took(settleTime))
	}
	b.wantQueue(map[job.Stage]int{job.Failed: 1, job.Pending: 1})
	if log := b.log.String(); strings.Count(log, "given up") != 1 || !strings.Contains(log, "something else has its name in queue/pending") {
		t.Errorf("log:\n%s", log)
	}
}

// Also a small one that is held: it was not removed.
func TestAHeldJobThatIsSetAsideIsSaid(t *testing.T) {
	t.Parallel()
	before := newBench(t)
	j, err := before.spool.Create("host")
	spooltest.Must(t, err)
	recorded(t, before, j)
	spooltest.Must(t, os.Rename(j.Path(job.TakenFolder, "song.wav"), j.Path(job.SourceFile)))
	j.Arrive(job.Visit{Stage: job.Pending, Start: before.clock}, "") // The move is announced, and was not made.
	spooltest.Must(t, j.Save())
	spooltest.Put(t, filepath.Join(before.spool.StageFolder(job.Pending), j.ID), "in the way")
	b := newBenchOn(t, before.data)
	for range 3 {
		spooltest.Must(t, b.took(restFor))
	}
	b.wantQueue(map[job.Stage]int{job.Failed: 1, job.Pending: 1})
	if log := b.log.String(); strings.Contains(log, "was removed") || strings.Count(log, "given up") != 1 {
		t.Errorf("log:\n%s", log)
	}
}

// Of many large files that wait, the one that waits longest and the smallest are read in turn.
func TestLargeFilesAreReadInTurn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.large = 1 << 10
	for i := range 9 {
		b.sparse(strconv.Itoa(i)+".wav", 2<<10+int64(i*7%9))
	}
	spooltest.Must(t, errors.Join(b.took(0), b.took(settleTime)))
	waiting := slices.Clone(b.held)
	if len(waiting) != 9 {
		t.Fatalf("%d are held", len(waiting))
	}
	for turn := range 9 {
		spooltest.Must(t, b.took(time.Second))
		longest := slices.MinFunc(waiting, func(a, b heldJob) int { return strings.Compare(a.claim.ID, b.claim.ID) })
		smallest := slices.MinFunc(waiting, func(a, b heldJob) int { return int(a.size - b.size) })
		if want := []heldJob{longest, smallest}[turn%2]; b.reading.held.claim.ID != want.claim.ID {
			t.Errorf("turn %d reads %+v; want %+v", turn, b.reading.held, want)
		}
		waiting = slices.DeleteFunc(waiting, func(h heldJob) bool { return h.claim.ID == b.reading.held.claim.ID })
	}
	spooltest.Must(t, b.took(0))
	b.wantQueue(map[job.Stage]int{job.Pending: 9})
}

// Whoever puts small files into input/ faster than they are taken keeps no larger one out.
func TestAFloodOfSmallFilesKeepsNoLargerOneOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	start, taken := b.clock, atomic.Int64{}
	b.now = func() time.Time { return start.Add(time.Duration(taken.Load()) * time.Second) } // A turn ends after ten.
	b.rename = func(from, to string) error {
		taken.Add(1)
		return os.Rename(from, to)
	}
	song := b.input("song.wav", wave+strings.Repeat("x", 100))
	for turn := range 500 { // By chance, some ten do.
		entries, err := os.ReadDir(b.spool.Input())
		spooltest.Must(t, err)
		for i := len(entries); i < 40; i++ {
			b.input(strconv.Itoa(turn)+"-"+strconv.Itoa(i)+".wav", "")
		}
		start = start.Add(emptyPatience * settleTime)
		_, err = b.turn(t.Context())
		spooltest.Must(t, err)
		if !place.Exists(song) {
			return
		}
	}
	t.Error("the song is still in input/")
}
