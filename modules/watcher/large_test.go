//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// sparse puts a file into input/ that has so many bytes and takes no room.
func (b *bench) sparse(name string, size int64) {
	b.t.Helper()
	spooltest.Must(b.t, os.Truncate(b.input(name, wave), size))
}

// lookFor takes the two turns that make a file complete. They get so much time.
func (b *bench) lookFor(d time.Duration) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	b.t.Cleanup(b.beside.Wait)
	b.t.Cleanup(cancel)
	late := time.AfterFunc(d, cancel)
	for range 2 {
		if _, err := b.turn(ctx); err != nil {
			b.t.Fatalf("turn = %v", err)
		}
		b.clock = b.clock.Add(settleTime)
	}
	late.Stop()
}

// Of a file of hundreds of gigabytes, which may be nothing but a hole, not a byte is read.
func TestATooLargeSongIsRejected(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sparse("a.wav", audio.Largest+1)
	b.lookFor(5 * time.Second)
	if reason := b.oneJob(job.Rejected).Error; !strings.Contains(reason, `"a.wav" is too large: it has 531.0 GB, and a song may have 531.0 GB.`) ||
		!strings.Contains(reason, "-max-size") {
		t.Errorf("reason = %q", reason)
	}
	spooltest.WantNames(t, b.spool.RejectedFiles(), "a.wav", "a.wav.txt")
}

// While a large file is read, also one that an earlier run had begun, all others go on; a second large one waits for it.
func TestALargeSongDelaysNoOther(t *testing.T) {
	t.Parallel()
	before := newBench(t)
	j, err := before.spool.Create("host")
	spooltest.Must(t, err)
	taken(t, before, j)
	spooltest.Must(t, os.Truncate(j.Path(job.TakenFolder, "song.wav"), 400*gigabyte))

	b := newBenchOn(t, before.data)
	b.sparse("a.wav", 400*gigabyte)
	b.input("b.wav", wave+"b")
	b.lookFor(time.Minute)
	b.wantQueue(map[job.Stage]int{job.Incoming: 2, job.Pending: 1})
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reading == nil || len(b.held) != 1 {
		t.Errorf("reading: %v, held: %v", b.reading, b.held)
	}
}

// A file that grows for as long as it is read is read to where it ended, and waits.
func TestASongThatGrowsWhileItIsRead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sparse("a.wav", beatEveryBytes+1)
	path, size := "", int64(beatEveryBytes+1)
	b.rename = func(from, to string) error { path = to; return os.Rename(from, to) }
	b.beat = func() {
		size += 2 * beatEveryBytes
		spooltest.Must(t, os.Truncate(path, size))
	}
	b.lookFor(5 * time.Second)
	b.wantQueue(map[job.Stage]int{job.Incoming: 1})
	if len(b.held) != 1 || !b.held[0].changing {
		t.Errorf("held: %+v", b.held)
	}
}

// Many files that take long do not keep a turn from its end: small files are taken first, and what comes
// meanwhile has its turn.
func TestATurnEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		b.sparse(name+".wav", 4096)
	}
	small := b.input("zzz.wav", wave)
	start, renamed := time.Now(), atomic.Int64{}
	b.now = func() time.Time { return start.Add(time.Duration(renamed.Load()) * time.Second) }
	b.rename = func(from, to string) error {
		renamed.Add(1)
		return os.Rename(from, to)
	}
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	start = start.Add(settleTime)
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
	if n := renamed.Load(); n < 10 || n > 10+takers {
		t.Errorf("%d files were taken by one turn of 10 seconds, one in each", n)
	}
	if place.Exists(small) {
		t.Error("the smallest file was not among them")
	}
}

// Whoever makes folders and songs without end makes the service remember no more than there is.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 20 {
		folder := filepath.Join(b.spool.Input(), strconv.Itoa(i))
		spooltest.Must(t, os.Mkdir(folder, 0o755))
		b.look(0)
		if len(b.told) != 1 {
			t.Fatalf("%d folders are remembered; want the one that is there", len(b.told))
		}
		b.look(0)
		spooltest.Must(t, os.Remove(folder))
	}
	j := &spool.Job{}
	spooltest.Must(t, b.library.read(t.Context(), b.spool, func() {}))
	for i := range 2 * mostSame {
		j.ID = strconv.Itoa(1000 + i)
		b.library.put(j)
	}
	if ids := b.library.jobs[songOf(j)]; len(ids) != mostSame || ids[mostSame-1] != j.ID {
		t.Errorf("of one song these jobs are known: %q", ids)
	}
	kept, err := b.spool.Create("host")
	spooltest.Must(t, err)
	kept.SHA256 = "kept" // It has no record so far.
	b.library.put(kept)
	for i := range leastSongs {
		b.library.put(&spool.Job{Record: job.Record{ID: j.ID, SHA256: strconv.Itoa(i)}})
	}
	spooltest.Must(t, b.library.read(t.Context(), b.spool, func() {}))
	if len(b.library.jobs) != 1 || !slices.Equal(b.library.jobs[songOf(kept)], []string{kept.ID}) {
		t.Errorf("%d songs are known of which one is there: %q", len(b.library.jobs), b.library.jobs[songOf(kept)])
	}
}
