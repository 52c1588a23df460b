package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

const (
	// canceller is who has a job, in the name of its folder, while it is cancelled.
	canceller = "cancel"
	// triesCancel is how often a job is looked for that moves on meanwhile.
	triesCancel = 10
)

// For is the Spool of a data folder for a command that is no service. Root gives what it writes these IDs; all others say -1.
func For(data string, uid, gid int) *Spool {
	return on(place.For(uid, gid).Disk, data, time.Now, job.NewToken)
}

// Cancel takes a job out of the queue: it goes to Failed with the error job.Cancelled, and keeps what it is tried again
// with, its song or its finished stems. When Cancel returns nil, that is on the disk.
//
// A job that waits is claimed for it, and one in a worker's hands is taken away as a Recovery does: the worker notices
// when it renews its lease. So a Cancel that is killed leaves a job that others take back, or end as cancelled where its
// record says so.
//
// The error is fs.ErrNotExist for a job that is in no stage, job.ErrIncoming, or job.ErrEnded.
func (s *Spool) Cancel(id string) error {
	var err error
	for range triesCancel {
		err = s.cancel(id)
		if !errors.Is(err, errTaken) && !errors.Is(err, ErrLost) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("cancelling job %s: %w", id, place.Explain(err))
	}
	return nil
}

func (s *Spool) cancel(id string) error {
	j, err := s.Locate(id)
	if errors.Is(err, ErrNoRecord) {
		return job.ErrIncoming
	}
	if err != nil {
		return err
	}
	switch {
	case j.stage.Final():
		return fmt.Errorf("%w: it is %s", job.ErrEnded, j.stage)
	case j.stage == job.Incoming:
		return job.ErrIncoming
	}
	working, c := j.stage, j.claim
	if j.stage.Entry() == "" { // It waits.
		working = job.Stages[slices.Index(job.Stages, j.stage)+1]
		c = job.Claim{ID: id, Worker: canceller, Token: s.claimToken()}
	} else {
		c = c.Fenced(s.token())
	}
	err = s.moveFolder(j.Dir(), s.folderOf(working, c))
	if errors.Is(err, fs.ErrNotExist) {
		if won, _ := s.disk.Has(s.folderOf(working, c)); !won { // A lost answer, as for a claim.
			return errTaken
		}
		err = nil
	}
	if err != nil {
		return err
	}
	err = s.end(working, c)
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrDamaged) { // Somebody took the job back: this process had been stopped.
		return errors.Join(errTaken, err)
	}
	return err
}

// end gives a job up that Cancel has under claim c, or ends it as its record says that it was about to.
func (s *Spool) end(stage job.Stage, c job.Claim) error {
	j, err := s.read(stage, c)
	if errors.Is(err, ErrDamaged) {
		return errors.Join(s.setAside(stage, c, err), err)
	}
	if err != nil {
		return err
	}
	if to := j.Last().Stage; j.Announced(stage, c) {
		if to.Final() {
			return errors.Join(j.finishMove(to), fmt.Errorf("%w: it is %s", job.ErrEnded, to))
		}
		j.Unarrive()
		if err := j.Save(); err != nil { // Before its stems are dropped, or others would make the move without them.
			return err
		}
	} else if j.Last().Stage != stage {
		attempt := j.Attempt
		j.begin(s.now().UTC())
		if c.Worker == canceller {
			j.Attempt = attempt // Nobody began to separate it.
		}
	}
	if ended, err := j.endBegun(); ended || err != nil {
		return errors.Join(err, fmt.Errorf("%w: it is %s", job.ErrEnded, j.stage))
	}
	j.Error = job.Cancelled
	if err := j.giveUp(j.Error, j.made()...); err != nil {
		return err
	}
	return errors.Join(s.stages[job.Failed].sync(), s.stages[stage].sync())
}
