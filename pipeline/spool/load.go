package spool

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/im2-audio/im2/pipeline/job"
)

// Load reads a job that this caller has already. It claims nothing. A job that is not there
// gives fs.ErrNotExist, and one of Incoming without job.json ErrNoRecord.
func (s *Spool) Load(stage job.Stage, id string) (*Job, error) {
	c, err := s.find(stage, id)
	if err != nil {
		return nil, err
	}
	j, err := s.read(stage, c)
	if err == nil && c.Token == "" {
		j.Rewind(stage)
	}
	return j, err
}

// Locate reads a job, whoever has it and wherever it is. A job that is in no stage gives
// fs.ErrNotExist.
func (s *Spool) Locate(id string) (*Job, error) {
	for range 2 { // A job that was given back has been passed over once.
		for _, stage := range job.Stages {
			c, err := s.find(stage, id)
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				return nil, err
			}
			j, err := s.read(stage, c)
			if !errors.Is(err, fs.ErrNotExist) {
				return j, err
			}
		}
	}
	return nil, fmt.Errorf("finding job %s: %w", id, fs.ErrNotExist)
}

func (s *Spool) find(stage job.Stage, id string) (job.Claim, error) {
	bare := job.Claim{ID: id}
	if there, err := s.disk.Has(s.folderOf(stage, bare)); there || stage.Entry() == "" {
		return bare, err
	}
	claims, err := s.claims(stage)
	if err != nil {
		return job.Claim{}, err
	}
	for _, c := range claims {
		if c.ID == id {
			return c, nil
		}
	}
	return job.Claim{}, fmt.Errorf("finding job %s in %s: %w", id, stage, fs.ErrNotExist)
}

func (s *Spool) read(stage job.Stage, c job.Claim) (*Job, error) {
	j := s.job(stage, c)
	data, err := j.readRecord()
	if err != nil {
		return nil, fmt.Errorf("reading job %s: %w", c.ID, err)
	}
	if j.Record, err = job.Parse(data, c.ID); err != nil {
		return nil, fmt.Errorf("%w: job %s: %w", ErrDamaged, c.ID, err)
	}
	return j, nil
}

// readRecord reads job.json, and distinguishes a job without one from a job that is not there.
func (j *Job) readRecord() ([]byte, error) {
	for range 2 { // Somebody may put the job back between two looks.
		info, err := j.disk().Lstat(j.Path(job.RecordFile))
		if err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: it is not a regular file", ErrDamaged)
		}
		if err == nil {
			data, err := j.disk().ReadFile(j.Path(job.RecordFile))
			if errors.Is(err, job.ErrTooLong) {
				err = fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			return data, err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if there, hasErr := j.disk().Has(j.Dir()); hasErr != nil || !there {
			return nil, errors.Join(err, hasErr)
		}
	}
	if j.stage == job.Incoming {
		return nil, ErrNoRecord
	}
	return nil, fmt.Errorf("%w: it is missing", ErrDamaged)
}

// Reload reads the record of a job in this worker's hands again. The error is ErrLost if the job was taken
// away.
func (j *Job) Reload() error {
	again, err := j.spool.read(j.stage, j.claim)
	if err != nil {
		return j.orLost(err)
	}
	visit := j.Last()
	j.Record = again.Record
	if j.Last().Stage != j.stage {
		j.Rewind(j.stage.Entry())
		j.Attempt = visit.Attempt
		j.Arrive(visit, "")
	}
	return nil
}

// Fresh is Load for a job of Incoming whose job.json was never written.
func (s *Spool) Fresh(id, worker string) *Job {
	return s.incoming(id, worker, s.now().UTC())
}
