// Command spoolbench measures the spool without an engine: what handing jobs on costs. "mage
// bench" runs it, since the targets and the services know each other only through files.
//
//	spoolbench -dir FOLDER [-jobs N] [-workers N] [-waiting N]
//	spoolbench -dir FOLDER -fill N
//	spoolbench -dir FOLDER -operations N
//
// The first makes data folders in FOLDER, which the caller removes, and prints one JSON object. In the others FOLDER is a data
// folder: jobs are put among those that wait, or each operation is measured N times with those that wait there. These are
// for a share, which is filled faster on its server.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
)

// bench is what is asked for.
type bench struct {
	dir                    string
	jobs, workers, waiting int
	fill, operations       int
}

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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var b bench
	flags := flag.NewFlagSet("spoolbench", flag.ContinueOnError)
	flags.StringVar(&b.dir, "dir", "", "a folder to work in, which is left as it is")
	flags.IntVar(&b.jobs, "jobs", 5000, "how many jobs go through all stages")
	flags.IntVar(&b.workers, "workers", 8, "how many workers each stage has")
	flags.IntVar(&b.waiting, "waiting", 100000, "how many jobs wait in the longest queue")
	flags.IntVar(&b.fill, "fill", 0, "put so many jobs among those that wait, and do nothing else")
	flags.IntVar(&b.operations, "operations", 0, "measure each operation so often, and do nothing else")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.dir == "" || min(b.jobs, b.workers, b.waiting) < 1 {
		return errors.New("-dir must name a folder; -jobs, -workers and -waiting must be above zero")
	}
	var r any
	var err error
	switch {
	case b.fill > 0:
		var s *spool.Spool
		if s, err = spool.Open(b.dir); err == nil {
			return fill(ctx, s, b.fill)
		}
	case b.operations > 0:
		r, err = measureOperations(ctx, b.dir, b.operations)
	default:
		r, err = b.measure(ctx)
	}
	if err != nil {
		return fmt.Errorf("measuring the spool: %w", err)
	}
	return json.NewEncoder(out).Encode(r)
}

// measure measures all stages from none, then two with 100 jobs waiting and ten times more each
// time, up to the longest queue.
func (b bench) measure(ctx context.Context) (report, error) {
	r := report{Jobs: b.jobs, Workers: b.workers}
	took, err := b.pass(ctx, 0, b.jobs)
	if err != nil {
		return r, err
	}
	r.Seconds, r.JobsPerSecond = took.Seconds(), float64(b.jobs)/took.Seconds()
	for waiting := min(100, b.waiting); ; waiting = min(10*waiting, b.waiting) {
		q, all := queued{Waiting: waiting}, time.Duration(0)
		for n := min(waiting, mostJobs); q.Jobs < min(leastJobs, b.jobs); q.Jobs += n {
			took, err := b.pass(ctx, waiting, n)
			if err != nil {
				return r, err
			}
			all += took
		}
		q.MicrosecondsPerJob = float64(all.Microseconds()) / float64(q.Jobs)
		if r.Queued = append(r.Queued, q); waiting == b.waiting {
			return r, nil
		}
	}
}

// pass takes n jobs through the second and third stage with workers of both at work side by side,
// in a new data folder: jobs that wait before the second stage, or, with none waiting, jobs that
// the first stage makes meanwhile. Each stage has its own spool, as the services have. The folder
// stays until the end: some file systems make new files more slowly for minutes after many were
// removed.
func (b bench) pass(ctx context.Context, waiting, n int) (time.Duration, error) {
	data, err := os.MkdirTemp(b.dir, "data-")
	if err != nil {
		return 0, err
	}
	var stages [3]*spool.Spool
	for i := range stages {
		if stages[i], err = spool.Open(data); err != nil {
			return 0, err
		}
	}
	if err := fill(ctx, stages[0], waiting); err != nil {
		return 0, err
	}
	begin := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	share := func(do func() error) {
		var begun atomic.Int64
		for range b.workers {
			g.Go(func() error {
				for begun.Add(1) <= int64(n) {
					if err := ctx.Err(); err != nil {
						return err
					}
					if err := do(); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	if waiting == 0 {
		share(func() error { return create(stages[0]) })
	}
	share(func() error {
		return take(ctx, stages[1], job.Pending, job.Separating, func(j *spool.Job) error { return j.Move(job.Separated) })
	})
	share(func() error { return take(ctx, stages[2], job.Separated, job.Organizing, (*spool.Job).Finish) })
	if err := g.Wait(); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	done, err := stages[0].List(job.Done)
	if err == nil && len(done) != n {
		err = fmt.Errorf("%d of %d jobs are done", len(done), n)
	}
	return took, err
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
		dir := filepath.Join(s.StageFolder(job.Pending), id)
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
	return j.Move(job.Pending)
}

// take claims a job and does something to it. If none waits it waits a little.
func take(ctx context.Context, s *spool.Spool, from, to job.Stage, do func(*spool.Job) error) error {
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
