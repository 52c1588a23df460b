//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/spooltest/jobtest"
)

const (
	// wave is what a WAV file begins with, and enough of one to be recognized.
	wave = "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00"
	// settleTime is that of the watchers in tests, whose clock stands still unless moved.
	settleTime = 2 * time.Second
)

// A bench is a watcher with a clock that only the test moves.
type bench struct {
	*watcher
	t *testing.T
	// log may be read while no goroutine works beside the turns.
	log   *bytes.Buffer
	clock time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return newBenchOn(t, t.TempDir())
}

func newBenchOn(t *testing.T, data string) *bench {
	t.Helper()
	env, log := jobtest.Env(t, data, "host")
	b := &bench{t: t, log: log, clock: time.Now()}
	b.watcher = newWatcher(env, settleTime, audio.Largest)
	b.now = func() time.Time { return b.clock }
	spooltest.Must(t, b.open())
	spooltest.Must(t, b.acquire(t.Context()))
	t.Cleanup(func() { b.release() })
	return b
}

// input puts a file into input/ that belongs to this user.
func (b *bench) input(name, content string) string {
	b.t.Helper()
	path := filepath.Join(b.spool.Input(), name)
	spooltest.Must(b.t, os.WriteFile(path, []byte(content), place.FileMode))
	return path
}

// takeNow takes a file as it is, or as one that is not there.
func (b *bench) takeNow(ctx context.Context, name string) (bool, error) {
	b.t.Helper()
	var f facts
	if info, err := os.Lstat(filepath.Join(b.spool.Input(), name)); err == nil {
		f = factsOf(info)
	}
	return b.take(ctx, name, f)
}

// look takes a turn after some time has passed.
func (b *bench) look(later time.Duration) {
	b.t.Helper()
	b.clock = b.clock.Add(later)
	_, err := b.turn(b.t.Context())
	spooltest.Must(b.t, err)
}

// settleAll takes the two turns that make a file complete.
func (b *bench) settleAll() {
	b.t.Helper()
	b.look(0)
	b.look(settleTime)
}

// jobs loads every job of a stage.
func (b *bench) jobs(stage job.Stage) []*spool.Job {
	b.t.Helper()
	ids, err := b.spool.List(stage)
	spooltest.Must(b.t, err)
	var jobs []*spool.Job
	for _, id := range ids {
		j, err := b.spool.Load(stage, id)
		spooltest.Must(b.t, err)
		jobs = append(jobs, j)
	}
	return jobs
}

// oneJob returns the only job of a stage.
func (b *bench) oneJob(stage job.Stage) *spool.Job {
	b.t.Helper()
	jobs := b.jobs(stage)
	if len(jobs) != 1 {
		b.t.Fatalf("%d jobs in %s; want 1", len(jobs), stage)
	}
	return jobs[0]
}

// oneFolder returns the folder of the only job of a stage, which may have no record.
func (b *bench) oneFolder(stage job.Stage) string {
	b.t.Helper()
	ids, err := b.spool.List(stage)
	spooltest.Must(b.t, err)
	if len(ids) != 1 {
		b.t.Fatalf("%d jobs in %s; want 1", len(ids), stage)
	}
	return jobtest.Folder(b.t, b.spool, stage, ids[0])
}

// wantQueue checks how many jobs are in each stage; stages not given must be empty.
func (b *bench) wantQueue(want map[job.Stage]int) {
	b.t.Helper()
	for _, stage := range job.Stages {
		entries, err := os.ReadDir(b.spool.StageFolder(stage))
		spooltest.Must(b.t, err)
		if len(entries) != want[stage] {
			b.t.Errorf("%d entries in %s; want %d", len(entries), stage, want[stage])
		}
	}
}
