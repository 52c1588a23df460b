package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
)

// report is what is printed; bench.Spool reads it.
type report struct {
	Jobs          int      `json:"jobs"`
	Workers       int      `json:"workers"`
	Seconds       float64  `json:"seconds"`
	JobsPerSecond float64  `json:"jobs_per_second"`
	Queued        []queued `json:"queued"`
}

// queued is what a job costs while so many wait.
type queued struct {
	Waiting            int     `json:"waiting"`
	Jobs               int     `json:"jobs"`
	MicrosecondsPerJob float64 `json:"microseconds_per_job"`
}

// leastJobs and mostJobs bound how many jobs are measured with a queue: enough that the listing
// of a long one is divided among as many as it serves. Who asks for fewer jobs gets fewer here, too.
const (
	leastJobs = 2000
	mostJobs  = 10000
)

func measure(ctx context.Context, o options) (report, error) {
	r := report{Jobs: o.jobs, Workers: o.workers}
	seconds, err := inFolder(o.dir, func(data string) (time.Duration, error) { return wholeWay(ctx, data, o) })
	if err != nil {
		return r, err
	}
	r.Seconds = seconds.Seconds()
	r.JobsPerSecond = float64(o.jobs) / r.Seconds
	for _, waiting := range o.queued {
		q, err := withQueue(ctx, o, waiting)
		if err != nil {
			return r, err
		}
		r.Queued = append(r.Queued, q)
	}
	return r, nil
}

// inFolder calls do with a new data folder. It is not removed before the end: some file systems
// make new files more slowly for minutes after many were removed.
func inFolder(dir string, do func(data string) (time.Duration, error)) (time.Duration, error) {
	data, err := os.MkdirTemp(dir, "data-")
	if err != nil {
		return 0, err
	}
	return do(data)
}

// wholeWay takes jobs through all stages, with workers of all stages at work side by side. Each
// stage has a spool of its own, as the services have.
func wholeWay(ctx context.Context, data string, o options) (time.Duration, error) {
	var stages [3]*spool.Spool
	for i := range stages {
		var err error
		if stages[i], err = spool.Open(data); err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	err := each(o.workers, []func() error{
		share(ctx, o.jobs, func() error { return create(stages[0]) }),
		share(ctx, o.jobs, func() error {
			return take(ctx, stages[1], spool.Pending, spool.Separating, func(j *spool.Job) error { return j.Move(spool.Separated) })
		}),
		share(ctx, o.jobs, func() error {
			return take(ctx, stages[2], spool.Separated, spool.Organizing, (*spool.Job).Finish)
		}),
	})
	took := time.Since(begin)
	if err != nil {
		return took, err
	}
	done, err := stages[0].List(spool.Done)
	if err == nil && len(done) != o.jobs {
		err = fmt.Errorf("%d of %d jobs are done", len(done), o.jobs)
	}
	return took, err
}

// withQueue measures the second and third stage while many jobs wait before the second.
func withQueue(ctx context.Context, o options, waiting int) (queued, error) {
	q := queued{Waiting: waiting}
	var all time.Duration
	for q.Jobs < min(leastJobs, o.jobs) {
		n := min(waiting, mostJobs)
		took, err := inFolder(o.dir, func(data string) (time.Duration, error) { return drain(ctx, data, o.workers, waiting, n) })
		if err != nil {
			return q, err
		}
		all += took
		q.Jobs += n
	}
	q.MicrosecondsPerJob = float64(all.Microseconds()) / float64(q.Jobs)
	return q, nil
}

// drain makes a queue and takes n jobs of it to their end.
func drain(ctx context.Context, data string, workers, waiting, n int) (time.Duration, error) {
	s, err := spool.Open(data)
	if err != nil {
		return 0, err
	}
	other, err := spool.Open(data)
	if err != nil {
		return 0, err
	}
	if err := fill(ctx, s, waiting); err != nil {
		return 0, err
	}
	begin := time.Now()
	err = each(workers, []func() error{
		share(ctx, n, func() error {
			return take(ctx, s, spool.Pending, spool.Separating, func(j *spool.Job) error { return j.Move(spool.Separated) })
		}),
		share(ctx, n, func() error {
			return take(ctx, other, spool.Separated, spool.Organizing, (*spool.Job).Finish)
		}),
	})
	return time.Since(begin), err
}

// fill puts jobs among those that wait, without waiting for the disk.
func fill(ctx context.Context, s *spool.Spool, n int) error {
	start := time.Now().UTC()
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := start.Add(time.Duration(i) * time.Microsecond)
		id := fmt.Sprintf("%s-%08x", at.Format("20060102T150405.000000Z"), i)
		dir := filepath.Join(s.StageFolder(spool.Pending), id)
		record := fmt.Sprintf(`{"id":%q,"name":"song %d.mp3","created":%q,"history":[{"stage":"pending","start":%q}]}`,
			id, i, at.Format(time.RFC3339Nano), at.Format(time.RFC3339Nano))
		if err := os.Mkdir(dir, place.FolderMode); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "job.json"), []byte(record), place.FileMode); err != nil {
			return err
		}
	}
	return nil
}

func create(s *spool.Spool) error {
	j, err := s.Create("watcher")
	if err != nil {
		return err
	}
	j.SetName("song.mp3")
	return j.Move(spool.Pending)
}

// take claims a job and does something to it. Where none waits it waits a little.
func take(ctx context.Context, s *spool.Spool, from, to spool.Stage, do func(*spool.Job) error) error {
	for {
		j, err := s.Claim(ctx, from, to, "worker")
		if err == nil {
			return do(j)
		}
		if !errors.Is(err, spool.ErrNone) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// share returns a function that several goroutines may call: together they do so many pieces of
// work.
func share(ctx context.Context, n int, do func() error) func() error {
	var begun atomic.Int64
	return func() error {
		for begun.Add(1) <= int64(n) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	}
}

// each runs every function in so many goroutines, and returns their errors.
func each(workers int, functions []func() error) error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, do := range functions {
		for range workers {
			wait.Go(func() {
				if err := do(); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			})
		}
	}
	wait.Wait()
	return errors.Join(errs...)
}
