package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/place"
)

var (
	// ErrNone is returned when no job waits.
	ErrNone = errors.New("no job waits")
	// ErrDamaged is returned when the job.json of a job is missing or cannot be understood.
	// Claim moves such a job to Failed, with everything it has, and returns ErrSetAside as well.
	ErrDamaged = errors.New("job.json is damaged")
	// ErrSetAside is returned for a job that was moved to Failed because of ErrDamaged, or because something else has its
	// name in the stage that it was to go to: there is nothing left to do.
	ErrSetAside = errors.New("the job was moved to queue/failed")
	// ErrNoRecord is returned for a job in Incoming that has no job.json.
	ErrNoRecord = errors.New("job.json was not written yet")

	// ErrPaused is returned while the data folder is paused: no job is claimed for separation. See package pause.
	ErrPaused = errors.New("the pipeline is paused")

	// ErrLost is returned when the job was taken from this worker: it was cancelled, or the worker had not renewed its
	// lease in time. Another one may have it, and nothing that was made of it here counts.
	ErrLost = errors.New("the job was taken from this worker: it was cancelled, or its lease was not renewed in time")

	// errTaken is returned when another worker was faster.
	errTaken = errors.New("another worker has it")
)

// StopsAll reports whether an error will meet the next job as well, so that trying it makes
// no sense: the disk is full or read-only, or the service was told to stop.
func StopsAll(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.Is(err, syscall.EROFS) || errors.Is(err, context.Canceled)
}

// Environment reports whether an error says nothing about the job that met it: the next one may meet it as well, and this
// one not the next time.
func Environment(err error) bool {
	for _, number := range []error{
		syscall.EIO, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ESTALE, syscall.ETIMEDOUT, syscall.EXDEV,
	} {
		if errors.Is(err, number) {
			return true
		}
	}
	return StopsAll(err) || errors.Is(err, ErrNotWritable)
}

// Claim takes a job that waits in stage from, and moves it to the working stage to, in the hands
// of worker. Jobs are taken in the order of a listing, the oldest first. When no job waits, the
// error is ErrNone.
//
// A claim is one rename and writes nothing: a power cut may undo it, and then the job waits
// again.
//
// While the data folder is paused, the error for one that waits in Pending is ErrPaused.
//
// A job that cannot be claimed does not block the others: it is passed over for refusedFor, and Claim returns its error
// where no other is left.
func (s *Spool) Claim(ctx context.Context, from, to job.Stage, worker string) (*Job, error) {
	return s.ClaimBut(ctx, from, to, worker, nil)
}

// ClaimBut is Claim without the jobs for whose ID skip is true, which stay where they are.
func (s *Spool) ClaimBut(ctx context.Context, from, to job.Stage, worker string, skip func(id string) bool) (*Job, error) {
	for listed := false; ; {
		id, ok := s.candidate(from)
		if !ok {
			if listed {
				return nil, errors.Join(s.none(from), s.Flush())
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
		if skip != nil && skip(id) {
			continue
		}
		if err := s.checkPause(from); err != nil {
			return nil, err
		}
		j, err := s.claim(from, to, id, worker)
		if err = job.WithID(id, err); err == nil {
			return j, nil
		}
		switch {
		case errors.Is(err, ErrSetAside) || StopsAll(err):
			return nil, err
		case !errors.Is(err, errTaken):
			s.refuse(from, id, err)
		}
	}
}

// Paused reports whether no job of Pending may be claimed.
func (s *Spool) Paused() (bool, error) {
	paused, err := s.disk.Has(pause.Path(s.data))
	if err != nil {
		return false, fmt.Errorf("asking whether the pipeline is paused: %w", err)
	}
	return paused, nil
}

// checkPause returns ErrPaused where no job of a stage may be claimed. It is asked for each claim, and not where nothing
// waits: that would be one more question to a file server for each turn of each worker.
func (s *Spool) checkPause(from job.Stage) error {
	if from != job.Pending {
		return nil
	}
	if paused, err := s.Paused(); !paused || err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlog[from].ids = nil // The next claim is of the oldest again.
	return ErrPaused
}

func (s *Spool) claim(from, to job.Stage, id, worker string) (*Job, error) {
	c := job.Claim{ID: id, Worker: job.WorkerName(worker), Token: s.claimToken()}
	err := s.moveFolder(s.jobFolder(from, id), s.folderOf(to, c))
	if errors.Is(err, fs.ErrNotExist) {
		// A file server may answer so to a rename that it made, when its first answer got lost.
		if won, _ := s.disk.Has(s.folderOf(to, c)); !won {
			return nil, errTaken
		}
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("claiming job %s: %w", id, place.Explain(err))
	}
	j, err := s.read(to, c)
	if errors.Is(err, ErrDamaged) {
		if aside := s.setAside(to, c, err); aside != nil {
			return nil, errors.Join(err, aside)
		}
		return nil, fmt.Errorf("%w: %w", ErrSetAside, err)
	}
	if err != nil {
		return nil, errors.Join(err, s.disk.Rename(s.folderOf(to, c), s.jobFolder(from, id)))
	}
	j.begin(s.now().UTC())
	return j, nil
}

// begin begins the visit to the stage into which the job was claimed.
func (j *Job) begin(start time.Time) {
	j.Begin(j.stage, j.claim.Worker, j.claim.Token, start)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.progress.Started = start
}

// A backlog is a listing of the jobs that wait in a stage, without those that this process has
// tried to claim: a long queue is listed now and then, and not for each job.
type backlog struct {
	ids []string
	// refused are jobs that could not be claimed, by their IDs.
	refused map[string]refusal
	// from and until are when the listing began and how long it may be used.
	from  time.Time
	valid time.Duration
}

type refusal struct {
	err error
	// until is when the job may be tried again.
	until time.Time
}

const (
	// freshList is how long a listing is used at least.
	freshList = time.Second
	// refusedFor is how long a job that could not be claimed is passed over, so that it delays no other.
	refusedFor = 5 * time.Second
	// listShare bounds the part of the time that listing takes: a listing is used for so many
	// times longer than it took.
	listShare = 50
)

// candidate takes the next ID off the backlog of a stage. An old listing ends early: jobs that
// came back since may be older than those in it.
func (s *Spool) candidate(stage job.Stage) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.backlog[stage]
	if len(b.ids) == 0 || s.now().Sub(b.from) > b.valid {
		b.ids = nil
		return "", false
	}
	id := b.ids[0]
	b.ids = b.ids[1:]
	return id, true
}

func (s *Spool) refuse(stage job.Stage, id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlog[stage].refused[id] = refusal{err, s.now().Add(refusedFor)}
}

// none returns why no job was claimed: ErrNone, or the error of the first that could not be.
func (s *Spool) none(stage job.Stage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := s.backlog[stage].refused
	if len(refused) == 0 {
		return ErrNone
	}
	first := refused[slices.Min(slices.Collect(maps.Keys(refused)))].err
	if len(refused) > 1 {
		return fmt.Errorf("%w (and %d more)", first, len(refused)-1)
	}
	return first
}

func (s *Spool) refill(stage job.Stage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.backlog[stage]
	if len(b.ids) > 0 {
		return nil
	}
	b.from = s.now()
	ids, err := s.List(stage)
	now := s.now()
	for id, r := range b.refused {
		if _, there := slices.BinarySearch(ids, id); !there || !now.Before(r.until) {
			delete(b.refused, id)
		}
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return b.refused[id].err != nil })
	b.ids, b.valid = slices.Clip(ids), max(freshList, listShare*s.now().Sub(b.from))
	return err
}
