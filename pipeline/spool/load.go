package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/im2-audio/im2/pipeline/place"
)

// Load reads a job that this caller has already. It claims nothing. A job that is not there
// gives fs.ErrNotExist, and one of Incoming without job.json ErrNoRecord.
func (s *Spool) Load(stage Stage, id string) (*Job, error) {
	c, err := s.find(stage, id)
	if err != nil {
		return nil, err
	}
	j, err := s.read(stage, c)
	if err == nil && c.token == "" {
		j.rewind(stage)
	}
	return j, err
}

// Locate reads a job, whoever has it and wherever it is. A job that is in no stage gives
// fs.ErrNotExist.
func (s *Spool) Locate(id string) (*Job, error) {
	for range 2 { // A job that was given back has been passed over once.
		for _, stage := range Stages() {
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

// find returns in whose hands the job is that lies in a stage.
func (s *Spool) find(stage Stage, id string) (claim, error) {
	bare := claim{id: id}
	if there, err := s.disk.Has(s.folderOf(stage, bare)); there || stage.entry() == "" {
		return bare, err
	}
	claims, err := s.claims(stage)
	if err != nil {
		return claim{}, err
	}
	for _, c := range claims {
		if c.id == id {
			return c, nil
		}
	}
	return claim{}, fmt.Errorf("finding job %s in %s: %w", id, stage, fs.ErrNotExist)
}

func (s *Spool) read(stage Stage, c claim) (*Job, error) {
	j := s.job(stage, c)
	data, err := j.readRecord()
	if err != nil {
		return nil, fmt.Errorf("reading job %s: %w", c.id, err)
	}
	if err := json.Unmarshal(data, &j.Record); err != nil {
		return nil, fmt.Errorf("%w: job %s: %w", ErrDamaged, c.id, err)
	}
	if j.ID != c.id {
		return nil, fmt.Errorf("%w: job %s: it is that of job %q", ErrDamaged, c.id, j.ID)
	}
	return j, nil
}

// readRecord reads job.json, and tells a job that has none from one that is not there.
func (j *Job) readRecord() ([]byte, error) {
	for range 2 { // Somebody may put the job back between two looks.
		info, err := j.disk().Lstat(j.Path(recordFile))
		if err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: it is not a file", ErrDamaged)
		}
		if err == nil {
			data, err := j.disk().ReadFile(j.Path(recordFile))
			if errors.Is(err, place.ErrTooLong) {
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
	if j.stage == Incoming {
		return nil, ErrNoRecord
	}
	return nil, fmt.Errorf("%w: it is missing", ErrDamaged)
}

// Reload reads the record of a job in this worker's hands anew. Once somebody took the job away,
// the error is ErrLost.
func (j *Job) Reload() error {
	again, err := j.spool.read(j.stage, j.claim)
	if err != nil {
		return j.orLost(err)
	}
	visit := j.last()
	j.Record = again.Record
	if j.last().Stage != j.stage {
		j.rewind(j.stage.entry())
		j.Attempt = visit.Attempt
		j.arrive(visit, "")
	}
	return nil
}

// Fresh is Load for a job of Incoming whose job.json was never written.
func (s *Spool) Fresh(id, worker string) *Job {
	return s.incoming(id, worker, s.now().UTC())
}
