package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNone is returned when no job waits.
var ErrNone = errors.New("no job waits")

// ErrDamaged is returned when the job.json of a job cannot be understood. Claim moves such a
// job to Failed, so that it stands in nobody's way and its source is kept.
var ErrDamaged = errors.New("job.json is damaged")

// Claim takes the oldest job that waits in stage from, moves it to the working stage to, and
// records that worker has it. When no job waits, the error is ErrNone.
func (s *Spool) Claim(ctx context.Context, from, to Stage, worker string) (*Job, error) {
	for listed := false; ; {
		id, ok := s.candidate(from)
		if !ok {
			if listed {
				return nil, ErrNone
			}
			if err := s.refill(from); err != nil {
				return nil, err
			}
			listed = true
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := os.Rename(s.jobFolder(from, id), s.jobFolder(to, id))
		if errors.Is(err, fs.ErrNotExist) {
			continue // Another worker was faster.
		}
		if err != nil {
			return nil, fmt.Errorf("claiming job %s: %w", id, err)
		}
		j, err := s.enter(from, to, id, worker)
		if err != nil && !errors.Is(err, ErrDamaged) {
			// A full disk, most likely. The job must not stay where nobody knows who has it.
			return nil, errors.Join(err, os.Rename(s.jobFolder(to, id), s.jobFolder(from, id)))
		}
		return j, err
	}
}

// candidate takes the next ID off the backlog of a stage.
func (s *Spool) candidate(stage Stage) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.backlog[stage]
	if len(ids) == 0 {
		return "", false
	}
	s.backlog[stage] = ids[1:]
	return ids[0], true
}

// refill lists a stage anew, unless another goroutine has done so by now.
func (s *Spool) refill(stage Stage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.backlog[stage]) > 0 {
		return nil
	}
	ids, err := s.List(stage)
	s.backlog[stage] = ids
	return err
}

// enter records the claim of a job that was in stage from and lies in stage by now.
func (s *Spool) enter(from, stage Stage, id, worker string) (*Job, error) {
	j, err := s.read(stage, id)
	if errors.Is(err, ErrDamaged) {
		return nil, errors.Join(err, s.SetAside(stage, id, err))
	}
	if err != nil {
		return nil, err
	}
	j.settle(from)
	if stage == Separating {
		j.Attempt++
	}
	j.arrive(stage, worker, "", s.now().UTC())
	return j, j.Save()
}

// Load reads a job that this caller has already: one it left in a working stage before a
// crash. It claims nothing. A folder without job.json gives fs.ErrNotExist.
func (s *Spool) Load(stage Stage, id string) (*Job, error) {
	j, err := s.read(stage, id)
	if err == nil {
		j.settle(stage)
	}
	return j, err
}

func (s *Spool) read(stage Stage, id string) (*Job, error) {
	j := &Job{spool: s, stage: stage}
	j.ID = id
	data, err := os.ReadFile(j.Path(recordFile))
	if err != nil {
		return nil, fmt.Errorf("reading job %s: %w", id, err)
	}
	if err := json.Unmarshal(data, &j.Record); err != nil {
		return nil, fmt.Errorf("%w: job %s: %w", ErrDamaged, id, err)
	}
	if j.ID != id {
		return nil, fmt.Errorf("%w: job %s: it is that of job %q", ErrDamaged, id, j.ID)
	}
	return j, nil
}

// Fresh is Load for a job of Incoming whose job.json was never written.
func (s *Spool) Fresh(id, worker string) *Job {
	return s.incoming(id, worker, s.now().UTC())
}

// SetAside gives up a job of the caller's whose job.json is damaged: it is kept beside a new
// one, and the job goes to Failed.
func (s *Spool) SetAside(stage Stage, id string, cause error) error {
	now := s.now().UTC()
	j := &Job{Record: Record{ID: id, Name: id, Created: now}, spool: s, stage: stage}
	j.arrive(stage, "", "", now)
	if err := os.Rename(j.Path(recordFile), j.Path(damagedFile)); err != nil {
		return fmt.Errorf("setting a damaged job aside: %w", err)
	}
	return j.Fail(cause)
}

func (s *Spool) jobFolder(stage Stage, id string) string {
	return filepath.Join(s.StageFolder(stage), id)
}
