package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/service"
	"github.com/im2-audio/im2/modules/internal/spool"
)

// A worker separates one job after the other.
type worker struct {
	env      *service.Env
	settings *settings
	engine   Engine
	// spool is nil until the data folder could be opened.
	spool *spool.Spool
	// recovery finds jobs in Separating that nobody works on.
	recovery *spool.Recovery
	// leftovers means that a job may lie in Separating in this worker's name though nobody
	// works on it: at the start, after a crash, and when a hand-over failed.
	leftovers bool
	// need is how many bytes were missing room for the last job; 0 when there was room.
	need int64
	// lacked is when need was found.
	lacked time.Time
	// full means that the last job met a full disk, so that all is not well until one did not.
	full bool
}

func newWorker(env *service.Env, s *settings, engine Engine) *worker {
	return &worker{env: env, settings: s, engine: engine, leftovers: true}
}

// turn separates one job, if one waits and everything is there to do it.
func (w *worker) turn(ctx context.Context) (busy bool, err error) {
	if err := w.ready(); err != nil {
		return false, err
	}
	found := w.putRight()
	if spool.StopsAll(found) {
		return false, found
	}
	if err := w.roomAgain(); err != nil {
		return false, errors.Join(found, err)
	}
	job, err := w.spool.Claim(ctx, spool.Pending, spool.Separating, w.env.Worker)
	if errors.Is(err, spool.ErrNone) {
		return false, found
	}
	if err != nil {
		w.full = w.full || isFull(err)
		return false, errors.Join(found, err)
	}
	return true, errors.Join(found, w.handle(ctx, job))
}

// ready says what keeps the worker from claiming jobs.
func (w *worker) ready() error {
	if w.spool == nil {
		s, err := spool.Open(w.env.Data)
		if err != nil {
			return err
		}
		w.spool, w.recovery = s, s.Recovery(spool.Separating, w.env.Worker, false)
	} else if err := w.spool.Ready(); err != nil {
		return err
	}
	if _, err := exec.LookPath(w.settings.ffmpeg); err != nil {
		return fmt.Errorf("ffmpeg is missing in the image (%w); run `mage build -module=demucs`", err)
	}
	return w.engine.Ready()
}

// putRight puts jobs that this worker left behind back among those that wait, and sends those
// that nobody works on where they belong. It must run only while the worker has no job in its
// hands. One job that resists keeps it from no other.
func (w *worker) putRight() error {
	found, err := w.recovery.Strays()
	errs := []error{err}
	if w.leftovers {
		own, done, err := w.recovery.Own()
		errs = append(errs, err)
		failed := err != nil
		for _, job := range own {
			err := w.takeBack(job)
			errs = append(errs, err)
			failed = failed || err != nil
		}
		w.leftovers = failed
		found = append(found, done...)
	}
	for _, f := range found {
		w.env.Log.Warn("putting right what nobody works on", "job", f.ID, "now", f.To)
	}
	return errors.Join(errs...)
}

// takeBack ends the rejection of a job that this worker left, if it had begun, and otherwise
// puts the job back among those that wait.
func (w *worker) takeBack(job *spool.Job) error {
	if job.Rejected != "" {
		w.env.Log.Warn("completing a rejection that an earlier run began", "job", job.ID, "name", job.Name)
		return job.Reject(job.Path(spool.SourceFile), job.Error)
	}
	w.env.Log.Warn("taking up what an earlier run began", "job", job.ID, "name", job.Name)
	return job.Requeue("the worker was lost while it had the job")
}

// handle separates a claimed job and hands it on, whatever comes of it.
func (w *worker) handle(ctx context.Context, job *spool.Job) error {
	if !w.full {
		w.well()
	}
	stop := w.env.Health.KeepAlive(ctx)
	defer stop()
	log := w.env.Log.With("job", job.ID, "name", job.Name)
	log.Info("separating", "attempt", job.Attempt)
	outcome := w.separate(ctx, job)
	w.full = isFull(outcome)
	err := w.handOver(ctx, log, job, outcome)
	if job.Stage() == spool.Separating {
		w.leftovers = true
	}
	return err
}

// well says that nothing keeps this worker from working.
func (w *worker) well() {
	_ = w.env.Health.Set(nil) // The loop reports a heartbeat that cannot be written.
}

// handOver moves the job to where err, the outcome of its separation, belongs. Its own error
// is one that keeps the worker from working.
func (w *worker) handOver(ctx context.Context, log *slog.Logger, job *spool.Job, err error) error {
	var rejected *rejection
	switch {
	case err == nil:
		log.Info("separated", "seconds", job.DurationSeconds)
		return job.Move(spool.Separated)
	case ctx.Err() != nil:
		log.Info("handing the job back")
		handed := job.HandBack("the worker was told to stop")
		if handed != nil { // Nobody hears of an error after the end of ctx but here.
			log.Error("the job was not handed back; it stays in separating until a worker puts that right", "error", handed)
		}
		return errors.Join(ctx.Err(), handed)
	case errors.As(err, &rejected):
		log.Warn("rejected", "reason", rejected.reason)
		return job.Reject(job.Path(spool.SourceFile), rejected.reason)
	case isFull(err):
		return errors.Join(err, job.HandBack(err.Error()))
	default:
		log.Error("given up", "error", err)
		return job.Fail(err)
	}
}

// separate makes the stems of the job, from its source, in its own folder.
func (w *worker) separate(ctx context.Context, job *spool.Job) error {
	if err := checkSource(job); err != nil {
		return err
	}
	if err := job.Clear(spool.StemsFolder); err != nil {
		return err
	}
	if err := os.Mkdir(job.Path(spool.WorkFolder), place.FolderMode); err != nil {
		return fmt.Errorf("preparing: %w", err)
	}
	if err := job.SetProgress(spool.Decoding, 0, 0); err != nil {
		return err
	}
	mix := job.Path(spool.WorkFolder, "mix.wav")
	frames, err := w.decode(ctx, job, mix)
	if err != nil {
		return err
	}
	if err := w.checkRoom(job, frames); err != nil {
		return err
	}
	made := filepath.Join(job.Path(spool.WorkFolder), spool.StemsFolder)
	if err := w.runEngine(ctx, job, mix, made); err != nil {
		return err
	}
	if err := job.SetProgress(spool.Finishing, 0, 0); err != nil {
		return err
	}
	job.DurationSeconds = float64(frames) / mixRate
	job.Engine, job.Model, job.Error = w.settings.engine, w.settings.model, ""
	return keepStems(ctx, job, made, frames)
}

// checkSource makes sure that there is a file to decode: ffmpeg would say of one that somebody
// removed only that it cannot be read, as of a damaged one.
func checkSource(job *spool.Job) error {
	info, err := os.Lstat(job.Path(spool.SourceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return errNoSource
	}
	if err != nil {
		return fmt.Errorf("looking for the source: %w", err)
	}
	if !info.Mode().IsRegular() {
		return errSourceNoFile
	}
	return nil
}

func (w *worker) runEngine(ctx context.Context, job *spool.Job, mix, made string) error {
	if err := job.SetProgress(spool.Separation, 0, 0); err != nil {
		return err
	}
	return w.engine.Separate(ctx, mix, made, func(done, total int) {
		if err := job.SetProgress(spool.Separation, done, total); err != nil {
			w.env.Log.Warn("progress", "job", job.ID, "error", err)
		}
	})
}

var (
	// errNoSource is returned for a job whose source somebody removed.
	errNoSource = errors.New("its file was removed from the queue: put the song into input/ again")
	// errSourceNoFile is returned for a job whose source was replaced by something else.
	errSourceNoFile = errors.New("its file was replaced in the queue by something that is no file: put the song into input/ again")
)

// isFull reports whether an error is about the room on the disk, and so not the job's fault.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
