package main

import (
	"context"
	"errors"
	"time"

	"github.com/im2-audio/im2/pipeline/spool"
)

const (
	// largeFile is how many bytes a file may have that a turn waits for until it was read.
	largeFile = 1 << 30
	// turnFor is after how long a turn begins no other file: what came since may be smaller.
	turnFor = 10 * time.Second
)

// errLarge is returned for a file that takes too long to be read during a turn.
var errLarge = errors.New("the file is large")

// finishBeside finishes a job whose file is large in a goroutine, one such job at a time, so that the turns go on
// and no other song waits for it. While another one is read, the job is held.
func (w *watcher) finishBeside(ctx context.Context, j *spool.Job, failed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reading {
		w.held = append(w.held, heldJob{id: j.ID, failed: failed})
		return
	}
	w.reading = true
	w.log.Info("reading a large file, which may take minutes", "job", j.ID, "name", j.Name)
	w.beside.Go(func() {
		j := w.spool.Fresh(j.ID, w.worker) // Nothing of it was recorded so far.
		err := w.finished(j, failed, w.process(ctx, j, w.largest))
		w.mu.Lock()
		defer w.mu.Unlock()
		w.reading = false
		if spool.StopsAll(err) { // Any other error is that of the held job.
			w.stopped = err
		}
	})
}

// stoppedBeside returns the error with which the last large file stopped all, once.
func (w *watcher) stoppedBeside() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.stopped
	w.stopped = nil
	return err
}
