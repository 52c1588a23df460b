package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
)

const (
	// leaseLife is how long a lease lasts that is not renewed.
	leaseLife = time.Minute
	// renewEvery is how often it is renewed: often enough to show progress,
	// and for a lease to last through a stall of many seconds.
	renewEvery = 4 * time.Second
)

// SetProgress records how far the job is: done of total steps of a phase. A total
// of 0 means that it is not known yet. It renews the lease, and is not kept over a power cut.
func (j *Job) SetProgress(phase job.Phase, done, total int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.progress.Phase, j.progress.Done, j.progress.Total = phase, done, total
	return j.beat()
}

// Renew renews the lease. The error is ErrLost if the job was taken away.
func (j *Job) Renew() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.beat()
}

func (j *Job) beat() error {
	p := &j.progress
	p.Beat++
	p.Updated, p.Started = j.spool.now().UTC(), j.Last().Start
	data, err := json.Marshal(p)
	if err == nil {
		err = j.disk().WriteWhole(j.Path(job.ProgressFile), append(data, '\n'))
	}
	if err == nil {
		return nil
	}
	err = j.orLost(err)
	if !errors.Is(err, ErrLost) {
		_ = j.disk().Touch(j.Dir()) // A full disk has no room for a file; this renews the lease.
	}
	return fmt.Errorf("writing the progress of job %s: %w", j.ID, err)
}

// Hold renews the lease every few seconds until stop is called, which must be before the job is
// moved. The context that it returns ends with the cause ErrLost if the job was taken away.
// beside is called after each renewal, for what else is to be done by a worker that is busy for
// long.
func (j *Job) Hold(ctx context.Context, beside func()) (held context.Context, stop func()) {
	held, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(renewEvery)
		defer tick.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-tick.C:
			}
			if err := j.Renew(); errors.Is(err, ErrLost) {
				cancel(err)
				return
			}
			beside()
		}
	}()
	return held, func() {
		cancel(nil)
		<-ended
	}
}
