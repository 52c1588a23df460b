package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// SetAside gives up a job whose job.json is missing or damaged and which no other process has:
// with what it has, and its job.json beside a new one, it goes to Failed. It may be repeated
// after a crash at any point; there always is a job.json, the old or the new one.
func (s *Spool) SetAside(stage job.Stage, id string, cause error) error {
	c, err := s.find(stage, id)
	if err != nil {
		return fmt.Errorf("setting aside a damaged job: %w", err)
	}
	return s.setAside(stage, c, cause)
}

func (s *Spool) setAside(stage job.Stage, c job.Claim, cause error) error {
	now := s.now().UTC()
	j := s.job(stage, c)
	j.Name, j.Created = c.ID, now
	j.Arrive(job.Visit{Stage: stage, Start: now, Claim: c.Token}, "")
	j.Error = fmt.Sprintf("%v; what is left of the job is in queue/%s/%s", cause, job.Failed, c.ID)
	err := j.Clear()
	if err == nil {
		err = j.keepDamaged()
	}
	if err == nil {
		err = j.move(job.Failed, j.Error)
	}
	if err != nil {
		return fmt.Errorf("setting aside a damaged job: %w", err)
	}
	return nil
}

func (j *Job) keepDamaged() error {
	record := j.Path(job.RecordFile)
	info, err := j.disk().Lstat(record)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = place.FirstFree(place.FileNames(job.DamagedFile), func(name string) (bool, error) {
		return j.keepAs(info, j.Path(name))
	})
	return errors.Join(err, j.disk().SyncFolder(j.Dir()))
}

// keepAs keeps what is at the place of job.json as kept. It returns false when something else
// has that name.
func (j *Job) keepAs(info fs.FileInfo, kept string) (bool, error) {
	record := j.Path(job.RecordFile)
	if !info.Mode().IsRegular() || info.Size() > job.MostRead { // Nothing in it can be a record.
		err := j.disk().RenameNew(record, kept)
		return err == nil, ignore(err, fs.ErrExist)
	}
	data, err := j.disk().ReadFile(record)
	if err != nil {
		return false, err
	}
	taken, err := j.disk().Has(kept)
	if err != nil {
		return false, err
	}
	if taken { // A crash may have come after it was kept.
		before, err := j.disk().ReadFile(kept)
		return err == nil && bytes.Equal(before, data), nil // What cannot be read is something else.
	}
	return true, j.disk().WriteDurable(kept, data)
}

func ignore(err, that error) error {
	if errors.Is(err, that) {
		return nil
	}
	return err
}
