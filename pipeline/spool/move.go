package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// errBlocked is returned where something else has the job's name in the stage that it goes to.
var errBlocked = errors.New("something else has its name")

// move ends the visit to this stage, with the failure if there was one, and renames the job's
// folder into the next stage.
func (j *Job) move(to job.Stage, failure string) error {
	from := j.stage
	j.Arrive(job.Visit{Stage: to, Start: j.spool.now().UTC()}, failure)
	err := j.Save()
	if err == nil {
		err = j.rename(to)
	}
	if err != nil && j.stage == from {
		j.Unarrive()
	}
	if errors.Is(err, errBlocked) && to != job.Failed {
		return j.blocked(to)
	}
	if err != nil {
		return fmt.Errorf("moving job %s from %s to %s: %w", j.ID, from, to, err)
	}
	return nil
}

// triesAside is how often what has a job's name in Failed is moved aside: somebody may put it there again and again.
const triesAside = 5

// blocked gives up a job whose way to a stage is blocked: left where it is, it would be tried for ever. Its error is
// ErrSetAside when that was done.
func (j *Job) blocked(to job.Stage) error {
	blocked := fmt.Sprintf("something else has its name in queue/%s: move that away", to)
	if j.Error != "" {
		blocked = j.Error + "; and " + blocked
	}
	j.Error = blocked
	if err := j.giveUp(j.Error, j.made()...); err != nil {
		return err
	}
	return fmt.Errorf("%w: job %s: %s", ErrSetAside, j.ID, j.Error)
}

// rename moves the job's folder into the folder of the next stage. The name that it has in this
// one is the fence: once the job is taken away, that name is gone. What has its name in Failed gets another
// one there, since no job may be without a place where it ends.
func (j *Job) rename(to job.Stage) error {
	from := j.stage
	err := j.spool.moveFolder(j.Dir(), j.spool.jobFolder(to, j.ID))
	for range triesAside {
		if !errors.Is(err, errBlocked) || to != job.Failed {
			break
		}
		if _, err := j.disk().Put(j.spool.jobFolder(to, j.ID), j.spool.StageFolder(to), place.FolderNames(j.ID, place.NameLimit), nil); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		err = j.spool.moveFolder(j.Dir(), j.spool.jobFolder(to, j.ID))
	}
	if err != nil {
		return j.orLost(place.Explain(err))
	}
	j.stage, j.claim = to, job.Claim{ID: j.ID}
	if err := j.spool.stages[to].changed(); err != nil {
		return err
	}
	return j.spool.stages[from].changed()
}

// moveFolder renames a job's folder. The error wraps errBlocked where something has the new name that no folder can
// replace. Only who may write into a folder can move it to another one: one of this user's is opened for that.
func (s *Spool) moveFolder(from, to string) error {
	err := s.disk.Rename(from, to)
	if errors.Is(err, fs.ErrPermission) && s.disk.Chmod(from, place.FolderMode) == nil {
		err = s.disk.Rename(from, to)
	}
	blocked := errors.Is(err, fs.ErrExist) // A folder.
	if errors.Is(err, syscall.ENOTDIR) {
		info, statErr := s.disk.Lstat(to)
		blocked = statErr == nil && !info.IsDir()
	}
	if blocked {
		return fmt.Errorf("%w: %w", errBlocked, err)
	}
	return err
}
