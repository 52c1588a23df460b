package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/im2-audio/im2/modules/internal/place"
)

var (
	// ErrNone is returned when no job waits.
	ErrNone = errors.New("no job waits")
	// ErrDamaged is returned when the job.json of a job is missing or cannot be understood.
	// Claim moves such a job to Failed, so that it stands in nobody's way and what it has is
	// kept.
	ErrDamaged = errors.New("job.json is damaged")
	// ErrNoRecord is returned for a job of Incoming that has no job.json yet.
	ErrNoRecord = errors.New("job.json was not written yet")

	// errTaken is returned when another worker was faster.
	errTaken = errors.New("another worker has it")
)

// StopsAll reports whether an error will meet the next job as well, so that trying it makes
// no sense: the disk is full or read-only, or the service was told to stop.
func StopsAll(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.Is(err, syscall.EROFS) || errors.Is(err, context.Canceled)
}

// Claim takes a job that waits in stage from, moves it to the working stage to, and records
// that worker has it. Jobs are taken in the order of one listing, the oldest first; what came
// back among them since then waits for the next listing. When no job waits, the error is
// ErrNone.
//
// A job that cannot be claimed for a reason of its own keeps nobody from the others: Claim
// says what is wrong with it once there is no other left.
func (s *Spool) Claim(ctx context.Context, from, to Stage, worker string) (*Job, error) {
	var errs []error
	for listed := false; ; {
		id, ok := s.candidate(from)
		if !ok {
			if listed && len(errs) == 0 {
				return nil, ErrNone
			}
			if listed {
				return nil, errors.Join(errs...)
			}
			if err := s.refill(from); err != nil {
				return nil, err
			}
			listed, errs = true, nil // What failed above is tried once more.
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		j, err := s.claim(from, to, id, worker)
		switch {
		case err == nil:
			return j, nil
		case errors.Is(err, ErrDamaged) || StopsAll(err):
			return nil, err
		case !errors.Is(err, errTaken):
			errs = append(errs, err)
		}
	}
}

// claim takes one job.
func (s *Spool) claim(from, to Stage, id, worker string) (*Job, error) {
	err := os.Rename(s.jobFolder(from, id), s.jobFolder(to, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errTaken
	}
	if err != nil {
		return nil, fmt.Errorf("claiming job %s: %w", id, place.Explain(err))
	}
	j, err := s.enter(from, to, id, worker)
	if err != nil && !errors.Is(err, ErrDamaged) {
		// A full disk, most likely. The job must not stay where nobody knows who has it.
		return nil, errors.Join(err, os.Rename(s.jobFolder(to, id), s.jobFolder(from, id)))
	}
	return j, err
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
	j.rewind(from)
	if stage == Separating {
		j.Attempt++
	}
	j.arrive(stage, worker, "", s.now().UTC())
	return j, j.Save()
}

// Load reads a job that this caller has already. It claims nothing. A job that is not there
// gives fs.ErrNotExist, and one of Incoming without job.json ErrNoRecord.
func (s *Spool) Load(stage Stage, id string) (*Job, error) {
	j, err := s.read(stage, id)
	if err == nil {
		j.rewind(stage)
	}
	return j, err
}

func (s *Spool) read(stage Stage, id string) (*Job, error) {
	j := &Job{spool: s, stage: stage}
	j.ID = id
	data, err := j.readRecord()
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

// readRecord reads job.json, and tells a job that has none from one that is not there.
func (j *Job) readRecord() ([]byte, error) {
	for range 2 { // Somebody may put the job back between two looks.
		info, err := os.Lstat(j.Path(recordFile))
		if err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: it is not a file", ErrDamaged)
		}
		if err == nil {
			return os.ReadFile(j.Path(recordFile))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if there, hasErr := place.Has(j.Dir()); hasErr != nil || !there {
			return nil, errors.Join(err, hasErr)
		}
	}
	if j.stage == Incoming {
		return nil, ErrNoRecord
	}
	return nil, fmt.Errorf("%w: it is missing", ErrDamaged)
}

// Fresh is Load for a job of Incoming whose job.json was never written.
func (s *Spool) Fresh(id, worker string) *Job {
	return s.incoming(id, worker, s.now().UTC())
}

// SetAside gives up a job whose job.json is missing or damaged, and which nobody else has:
// with what it has, and its job.json beside a new one, it goes to Failed. It may be repeated
// after a crash at any point; there always is a job.json, the old or the new one.
func (s *Spool) SetAside(stage Stage, id string, cause error) error {
	now := s.now().UTC()
	j := &Job{Record: Record{ID: id, Name: id, Created: now}, spool: s, stage: stage}
	j.arrive(stage, "", "", now)
	j.Error = fmt.Sprintf("%v; what there was of the job is kept in queue/%s/%s", cause, Failed, id)
	err := j.Clear()
	if err == nil {
		err = j.keepDamaged()
	}
	if err == nil {
		err = j.move(Failed, j.Error)
	}
	if err != nil {
		return fmt.Errorf("setting a damaged job aside: %w", err)
	}
	return nil
}

// keepDamaged gives the damaged job.json a second name, under which it stays.
func (j *Job) keepDamaged() error {
	record := j.Path(recordFile)
	info, err := os.Lstat(record)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = place.FirstFree(place.FileNames(damagedFile), func(name string) (bool, error) {
		return keepAs(record, info, j.Path(name))
	})
	return errors.Join(err, place.SyncFolder(j.Dir()))
}

// keepAs gives the file at path the second name kept. It returns false when something else has
// that name.
func keepAs(path string, info fs.FileInfo, kept string) (bool, error) {
	if there, err := os.Lstat(kept); err == nil {
		return os.SameFile(info, there), nil // A crash came after the link.
	}
	if !info.Mode().IsRegular() { // A folder cannot be linked; nothing in it can be a record.
		return true, place.Rename(path, kept)
	}
	if os.Link(path, kept) == nil {
		return true, nil
	}
	data, err := os.ReadFile(path) //nolint:gosec // G304: the path is in the job's own folder.
	if err != nil {
		return false, err
	}
	return true, place.WriteDurable(kept, data)
}

func (s *Spool) jobFolder(stage Stage, id string) string {
	return filepath.Join(s.StageFolder(stage), id)
}
