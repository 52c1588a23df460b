package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/layout"
	"github.com/im2-audio/im2/pipeline/logging"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/service"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/tags"
	"github.com/im2-audio/im2/pipeline/title"
)

var (
	// errNoStems is returned when a job has lost the stems that it came with.
	errNoStems = errors.New("its stems were removed from the queue")
	// errReplaced is returned when something else is in the place of what the job came with.
	errReplaced = errors.New("something that is not a file is in its place in the queue")
)

// restFor is how long a job waits whose attempt failed: what was wrong may be over by then.
const restFor = 5 * time.Second

// An organizer puts the results of one job after the other where people find them.
type organizer struct {
	env *service.Env
	now func() time.Time
	// layout is one of layout.Layouts; "" is layout.Flat.
	layout string
	// spool is nil until the data folder could be opened.
	spool *spool.Spool
	// recovery takes jobs back from workers that were lost.
	recovery *spool.Recovery
	// leftovers means that an earlier run may have left jobs in this organizer's name.
	leftovers bool
	// held are jobs in this organizer's hands that could not be finished at the last try, for a reason that is not theirs.
	held []*spool.Job
	// resting has when jobs may be tried again whose attempts failed.
	resting map[string]time.Time
	// older is the search for songs of earlier versions, for when there is nothing else to do.
	older older
}

func newOrganizer(env *service.Env, layout string) *organizer {
	return &organizer{env: env, layout: layout, now: time.Now, leftovers: true, resting: map[string]time.Time{}}
}

func (o *organizer) turn(ctx context.Context) (busy bool, err error) {
	if err := o.open(); err != nil {
		return false, err
	}
	held := errors.Join(o.takeBackLost(), o.finishHeld(ctx))
	if spool.StopsAll(held) {
		return false, held
	}
	j, err := o.spool.ClaimBut(ctx, job.Separated, job.Organizing, o.env.Worker, o.rests)
	switch {
	case errors.Is(err, spool.ErrNone):
		return o.measureOlder(ctx), service.Beside(nil, held)
	case errors.Is(err, spool.ErrSetAside):
		o.env.Log.Error("given up", logging.JobKey, job.IDOf(err), "error", err)
		return true, service.Beside(nil, held)
	case spool.StopsAll(err):
		return false, errors.Join(held, err)
	case err != nil:
		return false, service.Beside(nil, errors.Join(held, err))
	}
	return true, service.Beside(o.finish(ctx, j), held)
}

func (o *organizer) rests(id string) bool { return o.now().Before(o.resting[id]) }

// rest lets a job rest, and forgets those whose rest is over: they may be gone.
func (o *organizer) rest(id string) {
	maps.DeleteFunc(o.resting, func(id string, _ time.Time) bool { return !o.rests(id) })
	o.resting[id] = o.now().Add(restFor)
}

// takeBackLost puts the jobs that an earlier run of this organizer left back among those that wait,
// and those of others whose leases have ended.
func (o *organizer) takeBackLost() error {
	found, err := o.recovery.Strays()
	if o.leftovers {
		own, ownErr := o.recovery.Own(job.Organizing)
		o.leftovers = ownErr != nil
		found, err = append(found, own...), errors.Join(err, ownErr)
	}
	for _, f := range found {
		o.env.Log.Warn("taking a job back from a worker that was lost", logging.JobKey, f.ID, "worker", f.Worker, "now", f.To)
	}
	return err
}

func (o *organizer) open() error {
	if o.spool != nil {
		return o.spool.Ready()
	}
	s, err := spool.Open(o.env.Data)
	if err != nil {
		return err
	}
	s.SetTimes(o.env.Times)
	o.spool, o.recovery = s, s.Recovery(o.env.Worker, job.Organizing, job.Separating)
	place.Sweep(s.Output(), place.ClaimPrefix+"*")
	place.Sweep(s.Archive(), place.ClaimPrefix+"*")
	return nil
}

// finishHeld tries each held job once more. What fails again stays held, and does not block
// the others unless it is something that they would meet as well.
func (o *organizer) finishHeld(ctx context.Context) error {
	held := o.held
	o.held = nil
	var errs []error
	for i, j := range held {
		if err := ctx.Err(); err != nil {
			o.held = append(o.held, held[i:]...)
			return job.JoinErrors(append(errs, err)...)
		}
		err := o.finishOne(ctx, j)
		errs = append(errs, err)
		if spool.StopsAll(err) {
			o.held = append(o.held, held[i+1:]...)
			break
		}
	}
	return job.JoinErrors(errs...)
}

// finishOne tries a held job once more. Its lease is renewed first, or else another organizer
// would take it for lost.
func (o *organizer) finishOne(ctx context.Context, j *spool.Job) error {
	err := j.Renew()
	if !errors.Is(err, spool.ErrLost) {
		err = j.Reload() // A lease that could not be renewed is no reason not to try.
	}
	switch {
	case err == nil:
		return o.finish(ctx, j)
	case errors.Is(err, spool.ErrLost):
		o.env.Log.Warn("a job was removed or taken away while it was being organized", logging.JobKey, j.ID)
		return nil
	case errors.Is(err, spool.ErrDamaged):
		if aside := j.SetAside(err); aside == nil {
			return job.WithID(j.ID, err)
		}
	}
	o.held = append(o.held, j)
	return job.WithID(j.ID, err)
}

// finish organizes a job in Organizing. When that cannot be done now, the job is held.
func (o *organizer) finish(ctx context.Context, j *spool.Job) error {
	err := o.organize(ctx, j)
	switch {
	case err == nil, errors.Is(err, spool.ErrLost):
	case spool.Environment(err), errors.Is(err, fs.ErrNotExist), o.spool.Ready() != nil: // Somebody removed a folder, for example.
	case errors.Is(err, errNoStems), errors.Is(err, errReplaced):
		o.env.Log.Error("given up", logging.JobKey, j.ID, "name", j.Name, "error", err)
		err = j.Fail(err)
	default:
		o.env.Log.Error("failed", logging.JobKey, j.ID, "name", j.Name, "error", err)
		o.rest(j.ID)
		err = j.Requeue(err.Error())
	}
	if errors.Is(err, spool.ErrLost) {
		o.env.Log.Warn("dropped: the job was taken away", logging.JobKey, j.ID, "name", j.Name)
		return nil
	}
	if errors.Is(err, spool.ErrSetAside) {
		o.env.Log.Error("given up", logging.JobKey, j.ID, "name", j.Name, "error", err)
		return nil
	}
	if err != nil && j.Stage() == job.Organizing {
		o.held = append(o.held, j)
	}
	return job.WithID(j.ID, err)
}

// organize does what is still to be done for the job, in this order:
//
//  1. source -> archive/<original name>
//  2. stems, with track.json among them -> output/<track>
//  3. the record -> queue/done
//
// Each is one rename, and the name it leads to is in the record before it is made. So after a
// crash, what is still in the job's folder tells where to continue. The lease and the heartbeat are renewed
// meanwhile: on a slow disk that others fill, a few syncs may take longer than a lease lasts.
func (o *organizer) organize(ctx context.Context, j *spool.Job) error {
	haveStems, err := place.Has(j.Path(job.StemsFolder))
	if err != nil {
		return fmt.Errorf("organizing job %s: %w", j.ID, err)
	}
	if !haveStems && j.Track == "" {
		return fmt.Errorf("organizing job %s: %w", j.ID, errNoStems)
	}
	if err := checkFiles(j, haveStems); err != nil {
		return fmt.Errorf("organizing job %s: %w", j.ID, err)
	}
	_, release := j.Hold(ctx, func() { _ = o.env.Health.Beat() }) // The loop reports a heartbeat that cannot be written.
	err = o.putInPlace(j, haveStems)
	release()
	if err != nil {
		return err
	}
	if err := j.Finish(); err != nil {
		return err
	}
	o.env.Log.Info("done", logging.JobKey, j.ID, "name", j.Name, "track", j.Track)
	return nil
}

// checkFiles makes sure that what people find in output/ and archive/ are files: a link leads elsewhere, and a program
// that opens a FIFO waits for ever.
func checkFiles(j *spool.Job, haveStems bool) error {
	files := []string{job.SourceFile}
	if haveStems {
		stems, err := place.Local.Lstat(j.Path(job.StemsFolder))
		if err != nil {
			return err
		}
		if !stems.IsDir() {
			return fmt.Errorf("%s: %w", job.StemsFolder, errReplaced)
		}
		for _, file := range options.Recorded(j.Files) {
			files = append(files, filepath.Join(job.StemsFolder, file))
		}
		if j.Cover != "" {
			files = append(files, filepath.Join(job.StemsFolder, j.Cover))
		}
	}
	for _, file := range files {
		info, err := place.Local.Lstat(j.Path(file))
		switch {
		case errors.Is(err, fs.ErrNotExist) && file == job.SourceFile: // It is in archive/.
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s: %w", file, errNoStems)
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s: %w", file, errReplaced)
		}
	}
	return nil
}

func (o *organizer) putInPlace(j *spool.Job, haveStems bool) error {
	haveSource, err := place.Has(j.Path(job.SourceFile))
	if err != nil {
		return fmt.Errorf("organizing job %s: %w", j.ID, err)
	}
	if haveSource {
		if err := o.archive(j); err != nil {
			return err
		}
	}
	if haveStems {
		return o.putOut(j)
	}
	return j.SettleMoves()
}

func (o *organizer) archive(j *spool.Job) error {
	names := place.FileNames(j.RawName())
	return j.Deliver(job.SourceFile, o.spool.Archive(), names, func(name string) error {
		j.SetArchived(name)
		return nil
	})
}

// putOut publishes the stems. They appear in output/ complete, with track.json, or not at all.
func (o *organizer) putOut(j *spool.Job) error {
	return j.Publish(layout.Folders(o.layout, j.RawName(), j.Tags), func() error { return writeTrack(j, o.now().UTC()) })
}

// A trackInfo is what track.json holds.
type trackInfo struct {
	// Job is the ID of the job that made the stems.
	Job string `json:"job"`
	// Track is the folder in output/, with slashes.
	Track string `json:"track"`
	// Source is the file's original name for people to read; SHA256 tells it apart.
	Source string `json:"source"`
	SHA256 string `json:"sha256"`
	// NameChangedFrom is the song's title where the folder could not have it as its name.
	NameChangedFrom string  `json:"name_changed_from,omitempty"`
	DurationSeconds float64 `json:"duration_seconds"`
	Engine          string  `json:"engine"`
	Model           string  `json:"model"`
	// Created is when the file was taken from input/, Finished when the stems were put into
	// output/, in UTC.
	Created  time.Time `json:"created"`
	Finished time.Time `json:"finished"`
	// Stems are the names of the audio files.
	Stems []string `json:"stems"`
	// Timings are the seconds that the job spent in each stage.
	Timings map[job.Stage]float64 `json:"timings"`
	// Settings are what the stems were made with; those that follow are the Record's.
	Settings      options.Options `json:"settings,omitzero"`
	Gain          float64         `json:"gain,omitempty"`
	SumDB         *float64        `json:"sum_db,omitempty"`
	Warnings      []string        `json:"warnings,omitempty"`
	SourceRate    int             `json:"source_rate,omitempty"`
	Tags          tags.Tags       `json:"tags,omitempty"`
	Cover         string          `json:"cover,omitempty"`
	EngineVersion int             `json:"engine_version"`
}

func writeTrack(j *spool.Job, now time.Time) error {
	info := trackInfo{
		Job:             j.ID,
		Track:           j.Track,
		Source:          j.Name,
		SHA256:          j.SHA256,
		DurationSeconds: j.DurationSeconds,
		Engine:          j.Engine,
		Model:           j.Model,
		Created:         j.Created,
		Finished:        now,
		Stems:           options.Recorded(j.Files),
		Timings:         j.Timings(now),
		Settings:        j.Settings,
		Gain:            j.Gain,
		SumDB:           j.SumDB,
		Warnings:        j.Warnings,
		SourceRate:      j.SourceRate,
		Tags:            j.Tags,
		Cover:           j.Cover,
		EngineVersion:   max(1, j.EngineVersion),
	}
	wanted, _ := title.Split(j.RawName())
	if said := j.Tags[tags.Title]; said != "" && strings.Contains(j.Track, "/") { // Below an album, the title is that of the tags.
		wanted = said
	}
	if wanted != title.Safe(wanted) {
		info.NameChangedFrom = strings.ToValidUTF8(wanted, string(utf8.RuneError))
	}
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return fmt.Errorf("describing track %q: %w", j.Track, err)
	}
	return j.Write(append(data, '\n'), job.StemsFolder, job.TrackFile)
}
