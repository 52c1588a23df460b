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
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/title"
)

// restFor is how long a job waits that could not be finished: what was wrong may be over by then, and its song is not read
// on each turn.
const restFor = 5 * time.Second

// A heldJob is one that waits for another try.
type heldJob struct {
	claim job.Claim
	// changing means that someone still writes into the file: it has to settle again.
	changing bool
	// size is how many bytes the file has if it is to be read beside the turns, else 0, and took how long the last time took.
	size int64
	took time.Duration
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
// stops says that a job met what stops all.
func (w *watcher) finishHeld(ctx context.Context) (stops bool, err error) {
	held, begun := w.takeHeld(), w.now()
	errs := []error{w.finishReading()} // One that waits for it may be begun now.
	if large, rest, ok := w.takeLarge(held); ok {
		held = slices.Insert(rest, 0, large)
	}
	for i, h := range held {
		if ctx.Err() != nil || w.now().Sub(begun) >= turnFor {
			w.holdFirst(held[i:])
			break
		}
		if w.now().Before(h.until) || h.size > 0 && w.reading != nil {
			w.hold(h)
			errs = append(errs, h.err) // All is not well yet.
			continue
		}
		err := w.finishOne(ctx, h)
		errs = append(errs, err)
		if spool.StopsAll(err) {
			w.holdFirst(held[i+1:])
			return true, job.JoinErrors(errs...)
		}
	}
	if w.reading != nil {
		errs = append(errs, w.reading.held.err) // What the try before met: all is not well yet.
	}
	return ctx.Err() != nil, job.JoinErrors(append(errs, ctx.Err())...)
}

func (w *watcher) finishOne(ctx context.Context, h heldJob) error {
	j, err := w.load(h.claim)
	switch {
	case errors.Is(err, errMoved):
		return nil
	case errors.Is(err, spool.ErrSetAside):
		w.log.Error("given up", logging.JobKey, h.claim.ID, "error", err)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		w.log.Warn("a job was removed while it was being taken", logging.JobKey, h.claim.ID)
		return nil
	case errors.Is(err, spool.ErrDamaged):
		if aside := w.spool.Fresh(h.claim).SetAside(err); aside != nil {
			return w.later(h, errors.Join(err, aside))
		}
		return job.WithID(h.claim.ID, err)
	case err != nil:
		if j, loadErr := w.spool.Taken(h.claim); loadErr == nil { // It could not be moved.
			return w.notFinished(j, h, err)
		}
		return w.later(h, err)
	case h.changing && !w.rests(j):
		w.hold(h)
		return nil
	default:
		return w.finish(ctx, j, h)
	}
}

// later holds a job that could not be finished, and returns the reason. A full disk is nothing that rest helps against, but a
// large file rests for as long as it was read.
func (w *watcher) later(h heldJob, err error) error {
	err = job.WithID(h.claim.ID, err)
	h.err, h.until = err, w.now().Add(max(restFor, h.took))
	if h.size == 0 && spool.StopsAll(err) {
		h.until = time.Time{}
	}
	w.hold(h)
	return err
}

// notFinished decides what becomes of a job of Incoming that could not be finished: it is held, and given up where the
// reason may be its own and it has had its attempts.
func (w *watcher) notFinished(j *spool.Job, h heldJob, err error) error {
	if there, hasErr := place.Has(j.Dir()); j.Stage() != job.Incoming || !there && hasErr == nil {
		return job.WithID(j.ID, err) // Where it could not be seen, it may be there: a disk may be away for a moment.
	}
	if !errors.As(err, new(*noRoomError)) && !spool.Environment(err) && w.spool.Ready() == nil {
		h.failed++
	}
	if h.failed < spool.MaxAttempts {
		return w.later(h, err)
	}
	w.log.Error("given up", logging.JobKey, j.ID, "name", j.Name, "error", err)
	if j.Name == "" {
		j.SetName(w.nameOf(j))
	}
	cause := fmt.Errorf("%w; what the job has is in queue/%s/%s", err, job.Failed, j.ID)
	if failErr := j.Fail(cause); failErr != nil {
		h.failed--
		return w.later(h, errors.Join(err, failErr))
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

// finish brings a job of Incoming to its next stage, from wherever it was left. When that cannot be done now, the job is
// held. A large file is read beside the turns, as soon as no other one is.
func (w *watcher) finish(ctx context.Context, j *spool.Job, h heldJob) error {
	if h.size > 0 && j.Name == "" {
		w.readBeside(ctx, j, h)
		return nil
	}
	err := w.process(ctx, j, w.large)
	if large := (*largeError)(nil); errors.As(err, &large) {
		w.hold(heldJob{claim: h.claim, size: large.size, failed: h.failed})
		return nil
	}
	return w.finished(j, h, err)
}

// finished is what follows err, the end of process.
func (w *watcher) finished(j *spool.Job, h heldJob, err error) error {
	switch {
	case err == nil:
		w.beat()
		return nil
	case errors.Is(err, errChanging):
		w.log.Info("waiting for a file that is still being written", logging.JobKey, j.ID, "name", j.Name)
		w.hold(heldJob{claim: j.Claim(), changing: true})
		return nil
	case errors.Is(err, spool.ErrSetAside):
		w.log.Error("given up", logging.JobKey, j.ID, "name", j.Name, "error", err)
		return nil
	default:
		return w.notFinished(j, h, fmt.Errorf("taking job %s: %w", j.ID, err))
	}
}
