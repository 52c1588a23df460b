package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/service"
	"github.com/im2-audio/im2/modules/internal/spool"
)

// errNoStems is returned when a job has lost the stems that it came with.
var errNoStems = errors.New("its stems were removed from the queue")

// An organizer puts the results of one job after the other where people find them.
type organizer struct {
	env *service.Env
	now func() time.Time
	// spool is nil until the data folder could be opened.
	spool *spool.Spool
	// held are the IDs of jobs in Organizing that are this organizer's to finish: those that
	// a crash left, and those that could not be finished at the last try.
	held []string
}

func newOrganizer(env *service.Env) *organizer {
	return &organizer{env: env, now: time.Now}
}

// turn finishes what was begun, or else one job that waits.
func (o *organizer) turn(ctx context.Context) (busy bool, err error) {
	if err := o.open(); err != nil {
		return false, err
	}
	if err := o.finishHeld(ctx); err != nil {
		return false, err
	}
	job, err := o.spool.Claim(ctx, spool.Separated, spool.Organizing, o.env.Worker)
	if errors.Is(err, spool.ErrNone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, o.finish(job)
}

// open prepares the data folder. The first time it also finds what a crash left behind.
func (o *organizer) open() error {
	if o.spool != nil {
		return o.spool.Ready()
	}
	s, err := spool.Open(o.env.Data)
	if err != nil {
		return err
	}
	o.held, err = s.List(spool.Organizing)
	if err != nil {
		return err
	}
	o.spool = s
	return nil
}

// finishHeld tries each held job once more. What fails again stays held.
func (o *organizer) finishHeld(ctx context.Context) error {
	held := o.held
	o.held = nil
	var errs []error
	for i, id := range held {
		if err := ctx.Err(); err != nil {
			o.held = append(o.held, held[i:]...)
			return err
		}
		job, err := o.spool.Load(spool.Organizing, id)
		if errors.Is(err, fs.ErrNotExist) {
			o.env.Log.Warn("a job was removed while it was being organized", "job", id)
			continue
		}
		switch {
		case err == nil:
			err = o.finish(job)
		case errors.Is(err, spool.ErrDamaged):
			err = errors.Join(err, o.spool.SetAside(spool.Organizing, id, err))
		default:
			o.held = append(o.held, id)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// finish organizes a job in Organizing. When that cannot be done now, the job is held.
func (o *organizer) finish(job *spool.Job) error {
	err := o.organize(job)
	if errors.Is(err, errNoStems) {
		o.env.Log.Error("given up", "job", job.ID, "name", job.Name, "error", err)
		err = job.Fail(err)
	}
	if err != nil && job.Stage() == spool.Organizing {
		o.held = append(o.held, job.ID)
	}
	return err
}

// organize does what is still to be done for the job, in this order:
//
//  1. source -> archive/<original name>
//  2. stems, with track.json among them -> output/<track>
//  3. the record -> queue/done
//
// Each is one rename, and the name it leads to is in the record before it is made. So after a
// crash, what is still in the job's folder tells where to go on.
func (o *organizer) organize(job *spool.Job) error {
	haveStems := place.Exists(job.Path(spool.StemsFolder))
	if !haveStems && job.Track == "" {
		return fmt.Errorf("organizing job %s: %w", job.ID, errNoStems)
	}
	if place.Exists(job.Path(spool.SourceFile)) {
		if err := o.archive(job); err != nil {
			return err
		}
	}
	if haveStems {
		if err := o.putOut(job); err != nil {
			return err
		}
	}
	if err := job.Finish(); err != nil {
		return err
	}
	o.env.Log.Info("done", "job", job.ID, "name", job.Name, "track", job.Track)
	return nil
}

func (o *organizer) archive(job *spool.Job) error {
	names := place.FileNames(job.RawName())
	_, err := place.Put(job.Path(spool.SourceFile), o.spool.Archive(), names, func(name string) error {
		job.SetArchived(name)
		return job.Save()
	})
	return err
}

// putOut publishes the stems. They appear in output/ complete, with track.json, or not at all.
func (o *organizer) putOut(job *spool.Job) error {
	names := place.FolderNames(trackName(job.RawName()), longestTrackName)
	_, err := place.Put(job.Path(spool.StemsFolder), o.spool.Output(), names, func(name string) error {
		job.Track = name
		if err := writeTrack(job, o.now().UTC()); err != nil {
			return err
		}
		return job.Save()
	})
	return err
}
