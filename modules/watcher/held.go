package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/title"
)

// restFor is how long a job waits that could not be finished: what was wrong may be over by then, and its song is not read
// on each turn.
const restFor = 5 * time.Second

// A heldJob is one that waits for another try.
type heldJob struct {
	id string
	// changing means that someone still writes into the file: it has to settle again.
	changing bool
	// failed is how many tries failed for a reason that may be the job's.
	failed int
	// until is when it may be tried again, and err what the last try met.
	until time.Time
	err   error
}

func (w *watcher) hold(h heldJob) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, h)
}

// holdFirst holds jobs that were not tried, before those that were.
func (w *watcher) holdFirst(rest []heldJob) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = slices.Concat(rest, w.held)
}

// takeHeld returns the held jobs, which are then held no longer.
func (w *watcher) takeHeld() []heldJob {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := w.held
	w.held = nil
	return held
}

// finishHeld tries each held job once more whose rest is over, as far as a turn has time for. What fails again stays held.
func (w *watcher) finishHeld(ctx context.Context) error {
	held, begun := w.takeHeld(), w.now()
	var errs []error
	for i, h := range held {
		if err := ctx.Err(); err != nil || w.now().Sub(begun) >= turnFor {
			w.holdFirst(held[i:])
			return errors.Join(append(errs, err)...)
		}
		if w.now().Before(h.until) {
			w.hold(h)
			errs = append(errs, h.err) // All is not well yet.
			continue
		}
		err := w.finishOne(ctx, h)
		errs = append(errs, err)
		if spool.StopsAll(err) {
			w.holdFirst(held[i+1:])
			break
		}
	}
	return errors.Join(errs...)
}

func (w *watcher) finishOne(ctx context.Context, h heldJob) error {
	j, err := w.load(h.id)
	switch {
	case errors.Is(err, errMoved):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		w.log.Warn("a job was removed while it was being taken", "job", h.id)
		return nil
	case errors.Is(err, spool.ErrDamaged):
		if aside := w.spool.SetAside(job.Incoming, h.id, err); aside != nil {
			return w.later(h, errors.Join(err, aside))
		}
		return err
	case err != nil:
		if j, loadErr := w.spool.Load(job.Incoming, h.id); loadErr == nil { // It could not be moved.
			return w.notFinished(j, h.failed, err)
		}
		return w.later(h, err)
	case h.changing && !w.rests(j):
		w.hold(h)
		return nil
	default:
		return w.finish(ctx, j, h.failed)
	}
}

// later holds a job that could not be finished, and returns the reason. A full disk is nothing that rest helps against.
func (w *watcher) later(h heldJob, err error) error {
	h.err, h.until = err, w.now().Add(restFor)
	if spool.StopsAll(err) {
		h.until = time.Time{}
	}
	w.hold(h)
	return err
}

// notFinished decides what becomes of a job of Incoming that could not be finished: it is held, and given up where the
// reason may be its own and it has had its attempts.
func (w *watcher) notFinished(j *spool.Job, failed int, err error) error {
	if there, hasErr := place.Has(j.Dir()); j.Stage() != job.Incoming || !there && hasErr == nil {
		return err // Where it could not be seen, it may be there: a disk may be away for a moment.
	}
	if !errors.As(err, new(*noRoomError)) && !spool.Environment(err) && w.spool.Ready() == nil {
		failed++
	}
	if failed < spool.MaxAttempts {
		return w.later(heldJob{id: j.ID, failed: failed}, err)
	}
	w.log.Error("given up", "job", j.ID, "name", j.Name, "error", err)
	if j.Name == "" {
		j.SetName(w.nameOf(j))
	}
	cause := fmt.Errorf("%w; what the job has is in queue/%s/%s", err, job.Failed, j.ID)
	if failErr := j.Fail(cause); failErr != nil {
		return w.later(heldJob{id: j.ID, failed: failed - 1}, errors.Join(err, failErr))
	}
	return nil
}

// nameOf is the name of a job's song where that can be told, and the job's ID where not.
func (w *watcher) nameOf(j *spool.Job) string {
	taken, err := takenFile(j)
	if err != nil || taken == "" {
		return j.ID
	}
	song, _ := title.AskedAgain(filepath.Base(taken))
	return song
}

// rests reports whether the file of a held job has come to rest.
func (w *watcher) rests(j *spool.Job) bool {
	path, err := takenFile(j)
	if err != nil || path == "" {
		return true // finish says what is wrong.
	}
	info, err := place.Local.Lstat(path)
	if err != nil {
		return true
	}
	// A name in input/ cannot contain a slash, so the two kinds of keys never meet.
	return w.settle.settled(filepath.Join(string(job.Incoming), j.ID), factsOf(info), w.now())
}

// finish brings a job of Incoming to its next stage, from wherever it was left, after so many tries that failed. When that
// cannot be done now, the job is held. A large file is read beside the turns.
func (w *watcher) finish(ctx context.Context, j *spool.Job, failed int) error {
	err := w.process(ctx, j, w.large)
	if errors.Is(err, errLarge) {
		w.finishBeside(ctx, j, failed)
		return nil
	}
	return w.finished(j, failed, err)
}

// finished is what follows err, the end of process.
func (w *watcher) finished(j *spool.Job, failed int, err error) error {
	switch {
	case err == nil:
		w.beat()
		return nil
	case errors.Is(err, errChanging):
		w.log.Info("waiting for a file that is still being written", "job", j.ID, "name", j.Name)
		w.hold(heldJob{id: j.ID, changing: true})
		return nil
	default:
		return w.notFinished(j, failed, fmt.Errorf("taking job %s: %w", j.ID, err))
	}
}
