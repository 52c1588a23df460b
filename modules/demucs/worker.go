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
	// unsettled means that a job may lie in Separating in this worker's name though nobody
	// works on it: at the start, after a crash, and when a hand-over failed.
	unsettled bool
}

func newWorker(env *service.Env, s *settings, engine Engine) *worker {
	return &worker{env: env, settings: s, engine: engine, unsettled: true}
}

// turn separates one job, if one waits and everything is there to do it.
func (w *worker) turn(ctx context.Context) (busy bool, err error) {
	if err := w.ready(); err != nil {
		return false, err
	}
	if err := w.takeBack(); err != nil {
		return false, err
	}
	job, err := w.spool.Claim(ctx, spool.Pending, spool.Separating, w.env.Worker)
	if errors.Is(err, spool.ErrNone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, w.handle(ctx, job)
}

// ready says what keeps the worker from claiming jobs.
func (w *worker) ready() error {
	if w.spool == nil {
		s, err := spool.Open(w.env.Data)
		if err != nil {
			return err
		}
		w.spool = s
	} else if err := w.spool.Ready(); err != nil {
		return err
	}
	if _, err := exec.LookPath(w.settings.ffmpeg); err != nil {
		return fmt.Errorf("ffmpeg is missing in the image (%w); run `mage build -module=demucs`", err)
	}
	return w.engine.Ready()
}

// takeBack puts jobs that this worker left behind back among those that wait. It must run
// only while the worker has no job in its hands.
func (w *worker) takeBack() error {
	if !w.unsettled {
		return nil
	}
	ids, err := w.spool.List(spool.Separating)
	if err != nil {
		return err
	}
	for _, id := range ids {
		job, err := w.spool.Load(spool.Separating, id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // Another worker is just finishing it.
		}
		if errors.Is(err, spool.ErrDamaged) {
			err = errors.Join(err, w.spool.SetAside(spool.Separating, id, err))
		}
		if err != nil {
			return err
		}
		if job.Worker() != w.env.Worker {
			continue
		}
		if err := job.Requeue("the worker was lost while it had the job"); err != nil {
			return err
		}
		w.env.Log.Warn("taking up what an earlier run began", "job", id, "name", job.Name)
	}
	w.unsettled = false
	return nil
}

// handle separates a claimed job and hands it on, whatever comes of it.
func (w *worker) handle(ctx context.Context, job *spool.Job) error {
	stop := w.env.Health.KeepAlive(ctx)
	defer stop()
	log := w.env.Log.With("job", job.ID, "name", job.Name)
	log.Info("separating", "attempt", job.Attempt)
	err := w.handOver(ctx, log, job, w.separate(ctx, job))
	if job.Stage() == spool.Separating {
		w.unsettled = true
	}
	return err
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
		return errors.Join(ctx.Err(), job.HandBack("the worker was told to stop"))
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
	if err := job.Keep(spool.SourceFile); err != nil {
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
	made := filepath.Join(job.Path(spool.WorkFolder), spool.StemsFolder)
	if err := w.runEngine(ctx, job, mix, made); err != nil {
		return err
	}
	if err := job.SetProgress(spool.Finishing, 0, 0); err != nil {
		return err
	}
	job.DurationSeconds = float64(frames) / mixRate
	job.Engine, job.Model, job.Error = w.settings.engine, w.settings.model, ""
	return keepStems(job, made, frames)
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

// isFull reports whether an error is about the room on the disk, and so not the job's fault.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
