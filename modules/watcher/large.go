package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
)

const (
	// largeFile is how many bytes a file may have that a turn waits for until it was read.
	largeFile = 1 << 30
	// turnFor is after how long a turn begins no other file: what came since may be smaller.
	turnFor = 10 * time.Second
)

// A largeError is returned for a file that takes too long to be read during a turn.
type largeError struct{ size int64 }

func (e *largeError) Error() string {
	return fmt.Sprintf("a file of %s is read beside the others", place.Bytes(e.size))
}

// A reading is a job whose file is read in a goroutine, one such job at a time, so that the turns go on and no other song
// waits for it.
type reading struct {
	held heldJob
	job  *spool.Job
	// ended is closed when the goroutine is done, and err is how it ended.
	ended chan struct{}
	err   error
	took  time.Duration
}

// readBeside begins to read the file of a job of which nothing was recorded so far.
func (w *watcher) readBeside(ctx context.Context, j *spool.Job, h heldJob) {
	r := &reading{held: h, job: j, ended: make(chan struct{})}
	w.reading = r
	w.log.Info("reading a large file, which may take minutes", logging.JobKey, j.ID, "name", w.nameOf(j), "bytes", h.size)
	w.beside.Go(func() {
		defer close(r.ended)
		begun := time.Now()
		r.err = w.process(ctx, j, w.largest)
		r.took = time.Since(begun)
	})
}

// finishReading decides what becomes of the job whose file was read beside the turns, if that has ended.
func (w *watcher) finishReading() error {
	r := w.reading
	if r == nil {
		return nil
	}
	select {
	case <-r.ended:
	default:
		return nil
	}
	w.reading = nil
	r.held.took = r.took
	return w.finished(r.job, r.held, r.err)
}

// takeLarge takes the large file that is to be read next out of the held jobs. It is the one that waits longest and the smallest
// in turn: neither do many keep another one out, nor do the largest, each of which takes long. A job that failed goes to the end.
func (w *watcher) takeLarge(held []heldJob) (next heldJob, rest []heldJob, ok bool) {
	if w.reading != nil {
		return heldJob{}, held, false
	}
	found := -1
	for i, h := range held {
		if h.size == 0 || w.now().Before(h.until) {
			continue
		}
		if found < 0 || w.smallest && h.size < held[found].size || !w.smallest && before(h, held[found]) {
			found = i
		}
	}
	if found < 0 {
		return heldJob{}, held, false
	}
	w.smallest = !w.smallest
	next = held[found]
	return next, slices.Delete(held, found, found+1), true
}

func before(a, b heldJob) bool {
	return a.until.Before(b.until) || a.until.Equal(b.until) && a.claim.ID < b.claim.ID
}
