package spool

import (
	"fmt"
	"strings"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// MaxAttempts is how often a job is begun before it is given up.
const MaxAttempts = 3

// Move hands the job on: it saves the record with the visit to the new stage and renames the
// folder. When it fails, the job is where it was, and Move may be called again; unless the error
// is ErrLost.
func (j *Job) Move(to job.Stage) error { return j.move(to, "") }

// HandBack puts a job that this worker did not finish, for a reason that is not the job's
// (it was told to stop, the disk is full), back among those that wait. What was done of it is
// dropped, and the attempt does not count.
func (j *Job) HandBack(why string) error {
	attempt := j.Attempt
	j.Attempt = max(0, attempt-1)
	if err := j.giveBack(why); err != nil {
		j.Attempt = attempt
		return err
	}
	return nil
}

// Requeue is HandBack with the attempt counted: for a job whose attempt failed, or whose worker
// was lost, which may well have been the job's doing. After MaxAttempts the job goes to Failed,
// with the errors of all of them.
func (j *Job) Requeue(why string) error {
	failures := j.Failures(j.stage)
	if j.stage == job.Separating && j.Attempt >= 1 && j.Attempt <= len(failures) {
		failures = failures[:j.Attempt-1] // One of this number was handed back, and does not count.
	}
	failures = append(failures, why)
	tried := len(failures)
	if j.stage == job.Separating {
		tried = j.Attempt
	}
	if tried < MaxAttempts {
		j.Error = why
		return j.giveBack(why)
	}
	j.Error = together(failures)
	if j.stage != job.Separating { // The stems are complete, and the source may be in archive/.
		return j.giveUp(why)
	}
	return j.giveUp(why, job.StemsFolder)
}

func (j *Job) giveBack(why string) error {
	var made []string
	if j.stage == job.Separating {
		made = append(made, job.StemsFolder)
	}
	if err := j.Clear(made...); err != nil {
		return err
	}
	return j.move(j.stage.Entry(), why)
}

// Fail gives the job up. What it has is kept, so that it can be tried again; only what was
// made of it on the way, the stems included, is dropped.
func (j *Job) Fail(cause error) error {
	j.Error = cause.Error()
	return j.giveUp(j.Error, job.StemsFolder)
}

func (j *Job) giveUp(why string, drop ...string) error {
	if err := j.Clear(drop...); err != nil {
		return err
	}
	return j.move(job.Failed, why)
}

func together(failures []string) string {
	var texts []string
	for i, failure := range failures {
		if failure != failures[0] {
			texts = nil
			break
		}
		texts = append(texts, fmt.Sprintf("attempt %d", i+1))
	}
	if texts != nil {
		return failures[0]
	}
	for i, failure := range failures {
		texts = append(texts, fmt.Sprintf("attempt %d: %s", i+1, failure))
	}
	return strings.Join(texts, "; ")
}

// Finish ends a job whose source and stems are where they belong: only job.json is left of it.
func (j *Job) Finish() error {
	if err := j.Clear(); err != nil {
		return err
	}
	return j.Move(job.Done)
}

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
	if err != nil {
		return fmt.Errorf("moving job %s from %s to %s: %w", j.ID, from, to, err)
	}
	return nil
}

// rename moves the job's folder into the folder of the next stage. The name that it has in this
// one is the fence: once the job is taken away, that name is gone.
func (j *Job) rename(to job.Stage) error {
	from := j.stage
	if err := j.disk().Rename(j.Dir(), j.spool.jobFolder(to, j.ID)); err != nil {
		return j.orLost(place.Explain(err))
	}
	j.stage, j.claim = to, job.Claim{ID: j.ID}
	if err := j.spool.stages[to].changed(); err != nil {
		return err
	}
	return j.spool.stages[from].changed()
}
