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
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/service"
	"github.com/im2-audio/im2/pipeline/spool"
)

// A worker separates one job after the other.
type worker struct {
	env      *service.Env
	settings *settings
	engine   Engine
	models   *models
	// spool is nil until the data folder could be opened.
	spool *spool.Spool
	// recovery takes jobs back from workers that were lost.
	recovery *spool.Recovery
	// leftovers means that a job may lie in Separating in this worker's name though nobody
	// works on it: at the start, after a crash, and when a hand-over failed.
	leftovers bool
	// owed is a job that a full or read-only disk kept from being handed back, and owedWhy what is to be said of
	// it; nil for none.
	owed    *spool.Job
	owedWhy string
	// lacking is how many bytes jobs need that met a full disk, by their IDs. noRoom says that one of
	// them waits, and why; nil when the last claim came upon none.
	lacking map[string]int64
	noRoom  error
	// unfit is what is wrong with the engine itself; nil for nothing that is known. tried is when that
	// was found out last.
	unfit error
	tried time.Time
	// paused means that the last claim was refused because the data folder is paused.
	paused bool
	// full means that the last job met a full disk, so that all is not well until one did not.
	full bool
	// createFile makes the file of the mix: place.Create, unless a test has a full disk.
	createFile func(path string) (*os.File, error)
}

func newWorker(env *service.Env, s *settings, engine Engine) *worker {
	return &worker{
		env: env, settings: s, engine: engine, models: newModels(s, env), leftovers: true, lacking: make(map[string]int64), createFile: place.Create,
	}
}

func (w *worker) turn(ctx context.Context) (busy bool, err error) {
	if err := w.ready(ctx); err != nil {
		return false, err
	}
	found := w.takeBackLost()
	if spool.StopsAll(found) {
		return false, found
	}
	if err := w.fitAgain(ctx); err != nil {
		return false, errors.Join(found, err)
	}
	w.noRoom = nil
	low := sync.OnceValue(func() error { return w.env.MinFree.Check(w.spool.StageFolder(job.Pending)) })
	j, err := w.spool.ClaimBut(ctx, job.Pending, job.Separating, w.env.Worker, func(id string) bool {
		if err := low(); err != nil { // Asked once for a turn, and not where nothing waits.
			w.noRoom = err
			return true
		}
		return w.lacksRoom(id)
	})
	w.notePause(err)
	switch {
	case errors.Is(err, spool.ErrPaused):
		return false, service.Beside(nil, found)
	case errors.Is(err, spool.ErrNone) && w.noRoom != nil:
		return false, errors.Join(found, w.noRoom)
	case errors.Is(err, spool.ErrNone):
		return false, service.Beside(nil, found)
	case errors.Is(err, spool.ErrSetAside):
		w.env.Log.Error("given up", logging.JobKey, job.IDOf(err), "error", err)
		return true, service.Beside(nil, found)
	case spool.StopsAll(err):
		w.full = w.full || isFull(err)
		return false, errors.Join(found, err)
	case err != nil:
		return false, service.Beside(nil, errors.Join(found, err))
	}
	return true, service.Beside(w.handle(ctx, j), found)
}

// notePause tells the health check and, when it changes, the log, after a claim had this error.
func (w *worker) notePause(claim error) {
	paused := errors.Is(claim, spool.ErrPaused)
	if w.paused && errors.Is(claim, spool.ErrNone) { // The last one that waited may have been cancelled.
		paused, _ = w.spool.Paused() // The next claim says what is wrong.
	}
	if paused == w.paused {
		return
	}
	w.paused = paused
	if paused {
		w.env.Health.Note("paused, takes no song until `mage resume`")
		w.env.Log.Info("paused: taking no song")
		return
	}
	w.env.Health.Note("")
	w.env.Log.Info("no longer paused")
}

func (w *worker) ready(ctx context.Context) error {
	if w.spool == nil {
		s, err := spool.Open(w.env.Data)
		if err != nil {
			return err
		}
		s.SetTimes(w.env.Times)
		w.spool, w.recovery = s, s.Recovery(w.env.Worker, job.Separating, job.Organizing)
	} else if err := w.spool.Ready(); err != nil {
		return err
	}
	for _, program := range []string{w.settings.ffmpeg, w.settings.ffprobe} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is missing in the image (%w); run `mage build -module=demucs`", filepath.Base(program), err)
		}
	}
	if err := w.settings.enough(w.settings.memory); err != nil {
		return err
	}
	if err := w.engine.Ready(); err != nil {
		return err
	}
	if err := w.models.ready(ctx); err != nil {
		return err
	}
	return w.settings.checkStems(w.models.checked[w.settings.model])
}

// takeBackLost puts jobs that an earlier run of this worker left back among those that wait, and
// those of others whose leases have ended. It must run only while the worker has no job in its
// hands. One job that resists keeps it from no other.
func (w *worker) takeBackLost() error {
	err := w.takeBackStrays()
	if owed := w.handBackOwed(); owed != nil || !w.leftovers {
		return errors.Join(err, owed)
	}
	own, ownErr := w.recovery.Own(job.Separating)
	w.leftovers = ownErr != nil
	w.logFound(own)
	return errors.Join(err, ownErr)
}

// handBackOwed hands a job back that could not be before. Should it be taken for lost instead, a disk
// that is full for long would use up all of its attempts.
func (w *worker) handBackOwed() error {
	if w.owed == nil {
		return nil
	}
	err := w.owed.HandBack(w.owedWhy)
	if spool.StopsAll(err) {
		_ = w.owed.Renew() // A full disk has room for that.
		return job.WithID(w.owed.ID, err)
	}
	if errors.Is(err, spool.ErrSetAside) {
		w.env.Log.Error("given up", logging.JobKey, w.owed.ID, "name", w.owed.Name, "error", err)
	}
	w.owed = nil // It is handed back or given up, or Own takes it.
	return nil
}

// takeBackStrays takes back the jobs of lost workers. It is also called beside a long separation.
func (w *worker) takeBackStrays() error {
	found, err := w.recovery.Strays()
	w.logFound(found)
	return err
}

func (w *worker) logFound(found []spool.Found) {
	for _, f := range found {
		w.env.Log.Warn("taking a job back from a worker that was lost", logging.JobKey, f.ID, "worker", f.Worker, "now", f.To)
	}
}

// handle separates a claimed job and hands it on, whatever comes of it.
func (w *worker) handle(ctx context.Context, j *spool.Job) error {
	if !w.full {
		w.well()
	}
	stopBeat := w.env.Health.KeepAlive(ctx)
	defer stopBeat()
	log := w.env.Log.With(logging.JobKey, j.ID, "name", j.Name)
	log.Info("separating", "attempt", j.Attempt)
	held, release := j.Hold(ctx, func() {
		if err := w.takeBackStrays(); err != nil {
			w.env.Log.Warn("taking back jobs of lost workers", "error", err) // The turn that follows says of which.
		}
	})
	outcome := w.separate(held, j)
	release()
	if lost := context.Cause(held); errors.Is(lost, spool.ErrLost) {
		outcome = lost
	}
	w.full = isFull(outcome)
	err := w.handOver(ctx, log, j, outcome)
	if errors.Is(err, spool.ErrLost) {
		log.Warn("dropped: the job was taken away", "error", err)
		return nil
	}
	if errors.Is(err, spool.ErrSetAside) {
		log.Error("given up", "error", err)
		return nil
	}
	if j.Stage() == job.Separating {
		w.leftovers = true
		if spool.StopsAll(err) {
			w.owed, w.owedWhy = j, err.Error()
		}
	}
	return job.WithID(j.ID, err)
}

func (w *worker) well() {
	_ = w.env.Health.Set(nil) // The loop reports a heartbeat that cannot be written.
}

// handOver moves the job to where err, the outcome of its separation, belongs. Its own error
// is one that keeps the worker from working.
func (w *worker) handOver(ctx context.Context, log *slog.Logger, j *spool.Job, err error) error {
	var rejected *rejection
	var model *modelError
	switch {
	case errors.Is(err, spool.ErrLost):
		return err
	case err == nil:
		log.Info("separated", "seconds", j.DurationSeconds)
		return j.Move(job.Separated)
	case ctx.Err() != nil:
		log.Info("handing the job back")
		handed := j.HandBack("the worker was told to stop")
		if handed != nil { // Nobody hears of an error after the end of ctx but here.
			log.Error("the job was not handed back; it stays in separating until a worker takes it back", "error", handed)
		}
		return errors.Join(ctx.Err(), handed)
	case errors.As(err, &rejected):
		log.Warn("rejected", "reason", rejected.reason)
		return j.Reject(j.Path(job.SourceFile), rejected.reason)
	case isFull(err), errors.As(err, &model):
		return errors.Join(err, j.HandBack(err.Error()))
	case errors.Is(err, errNoSource), errors.Is(err, errSourceNoFile):
		log.Error("given up", "error", err)
		return j.Fail(err)
	default:
		log.Error("failed", "attempt", j.Attempt, "of", spool.MaxAttempts, "error", err)
		return j.Requeue(err.Error())
	}
}

func (w *worker) separate(ctx context.Context, j *spool.Job) (err error) {
	if err := checkSource(j); err != nil {
		return err
	}
	model, settings, err := w.agree(j)
	if err != nil {
		return err
	}
	if err := j.Clear(job.StemsFolder); err != nil {
		return err
	}
	if err := j.Mkdir(job.WorkFolder); err != nil {
		return fmt.Errorf("preparing: %w", err)
	}
	if err := j.SetProgress(job.Decoding, 0, 0); err != nil {
		return err
	}
	mix := j.Path(job.WorkFolder, mixName)
	source, err := w.decode(ctx, j, mix)
	if err == nil {
		err = w.settings.checkWork(j.Name, source.frames, settings)
	}
	finishing := w.finishing(j, settings, model, source)
	defer func() {
		if isFull(err) {
			err = w.lackRoom(j, finishing, err)
		}
	}()
	if err != nil {
		return err
	}
	if err := w.checkRoom(j, finishing); err != nil {
		return err
	}
	err = w.runEngine(ctx, j, mix, source.frames, settings)
	if changed := w.models.unchanged(model); changed != nil {
		return changed // Also the reason why the engine failed, should it have.
	}
	if errors.As(err, new(*modelError)) || errors.Is(err, errOutOfMemory) || errors.Is(err, errCrashed) {
		return w.blame(ctx, err, model.name)
	}
	if err != nil {
		return err
	}
	made, err := w.finish(ctx, j, finishing)
	if err != nil {
		return err
	}
	cover, warnings, err := w.keepCover(ctx, j, source.cover)
	if err != nil {
		return err
	}
	j.DurationSeconds = float64(source.frames) / mixRate
	j.Engine, j.EngineVersion, j.Model, j.Error = w.settings.engine, options.EngineVersion, model.name, ""
	j.Settings, j.SourceRate, j.Tags, j.Cover = settings, source.rate, source.tags, cover
	j.Files, j.Gain, j.SumDB, j.Warnings = made.Files, made.Gain, made.SumDB, slices.Concat(source.warnings, made.Warnings, warnings)
	return keepStems(ctx, j, made.Peaks)
}

// checkSource makes sure that there is a file to decode: ffmpeg would say of a removed one
// only that it cannot be read, as of a damaged one.
func checkSource(j *spool.Job) error {
	info, err := place.Local.Lstat(j.Path(job.SourceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return errNoSource
	}
	if err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	if !info.Mode().IsRegular() {
		return errSourceNoFile
	}
	return nil
}

func (w *worker) runEngine(ctx context.Context, j *spool.Job, mix string, frames int64, settings options.Options) error {
	if err := j.SetProgress(job.Separation, 0, 0); err != nil {
		return err
	}
	return w.engine.Separate(ctx, mix, frames, j.Path(job.WorkFolder, rawFolder), settings, w.progress(j, job.Separation))
}

func (w *worker) progress(j *spool.Job, phase job.Phase) func(done, total int) {
	return func(done, total int) {
		if err := j.SetProgress(phase, done, total); err != nil {
			w.env.Log.Warn("progress", logging.JobKey, j.ID, "error", err)
		}
	}
}

var (
	// errNoSource is returned for a job whose source was removed.
	errNoSource = errors.New("its file was removed from the queue: put the song into input/ again")
	// errSourceNoFile is returned for a job whose source was replaced by something else.
	errSourceNoFile = errors.New("its file was replaced in the queue by something that is no file: put the song into input/ again")
)

// isFull reports whether an error is about the room on the disk, and so not the job's fault.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
