//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/spooltest/jobtest"
)

// newSecond returns another watcher on the data folder of b, which has no lease.
func newSecond(b *bench) *bench {
	b.t.Helper()
	env, log := jobtest.Env(b.t, b.data, "second")
	second := &bench{t: b.t, log: log, clock: time.Now()}
	second.watcher = newWatcher(env, settleTime, audio.Largest)
	second.now = func() time.Time { return second.clock }
	b.t.Cleanup(second.release)
	return second
}

func TestASecondWatcherWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	second := newSecond(b)
	var notes []string
	second.note = func(text string) { notes = append(notes, text) }
	b.input("song.wav", wave)
	for range 3 {
		second.look(settleTime)
		spooltest.WantNames(t, b.spool.Input(), "song.wav")
	}
	b.settleAll()
	b.oneJob(job.Pending)

	b.input("next.wav", wave+"next")
	b.release() // It ended: no minute has to pass.
	second.settleAll()
	b.wantQueue(map[job.Stage]int{job.Pending: 2})
	second.release()
	spooltest.WantNames(t, filepath.Join(b.data, "queue", "watcher"), "free")
	waits := "waiting for another watcher, host, which takes the songs"
	if want := []string{waits, waits, waits, ""}; !slices.Equal(notes, want) {
		t.Errorf("notes = %q; want %q", notes, want)
	}
}

// A watcher that was stopped for longer than a lease, wherever it was, does nothing more when it goes on, and the one that took over
// finishes its songs.
func TestAWatcherThatWasStoppedTakesNoSong(t *testing.T) {
	t.Parallel()
	for _, moved := range []bool{false, true} {
		b := newBench(t)
		second := newSecond(b)
		b.release()
		b.spool.SetTimes(lease.Times{Lease: time.Minute, Renew: time.Millisecond})
		spooltest.Must(t, b.acquire(t.Context()))
		b.input("song.wav", wave)
		b.input(job.Sidecar("song.wav"), `{"bits": "24"}`)
		b.rename = func(from, to string) error {
			b.rename = os.Rename
			if moved { // It is stopped before or after it moves the song.
				spooltest.Must(t, os.Rename(from, to))
			}
			second.takeOver(t, b)
			second.look(0)
			second.settleAll()
			b.input(job.Sidecar("song.wav"), `{"bits": "16"}`) // For the next song of this name.
			if moved {
				return nil
			}
			return os.Rename(from, to)
		}
		b.settleAll()
		b.input("song.wav", wave+"next")
		second.settleAll()
		jobs := b.jobs(job.Pending)
		if len(jobs) != 2 || jobs[0].Options.String() != "-bits=24" || jobs[1].Options.String() != "-bits=16" {
			t.Errorf("moved %v: jobs %+v", moved, jobs)
		}
		b.wantQueue(map[job.Stage]int{job.Pending: 2})
		spooltest.WantNames(t, b.spool.Input())
		b.look(0)
		if log := b.log.String(); !strings.Contains(log, "another watcher has taken over") || strings.Contains(log, "given up") {
			t.Errorf("moved %v: log:\n%s", moved, log)
		}
	}
}

// takeOver takes the lease from another one, which finds out.
func (b *bench) takeOver(t *testing.T, from *bench) {
	t.Helper()
	spooltest.Must(t, b.open())
	leases := filepath.Join(b.data, "queue", "watcher")
	for {
		entries, err := os.ReadDir(leases)
		spooltest.Must(t, err)
		if len(entries) == 1 && os.Rename(filepath.Join(leases, entries[0].Name()), filepath.Join(leases, "free")) == nil {
			break // It had not been renewed meanwhile.
		}
	}
	spooltest.Must(t, b.acquire(t.Context()))
	<-from.tenure.Done()
}
