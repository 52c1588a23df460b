// Package queue reads the pipeline's jobs on the host, and brings back those that failed. It
// writes nothing else.
//
// What surprises: jobs move while they are read. A job may no longer be where it was seen a moment
// ago, so Get tries all stages again, and List goes over the stages so that it neither misses a
// moving job nor returns it twice.
package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// rounds is how often Get goes through the stages. A job is missed in a round only if it was moved
// backwards meanwhile (given back, or tried again).
const rounds = 4

// ErrNotFound is returned when no stage has the job.
var ErrNotFound = errors.New("no such job")

// A Queue is the queue of one data folder. The zero value is not usable; see New.
type Queue struct {
	data string
}

// New returns the queue of a data folder. Neither needs to exist: a queue that does not exist is empty.
func New(data string) *Queue { return &Queue{data: data} }

// List returns the jobs in these stages, or in all if none are given, oldest first. A job that moves
// meanwhile is returned once, in the latest of the stages it was seen in.
func (q *Queue) List(ctx context.Context, stages ...job.Stage) ([]Job, error) {
	where, err := q.locate(ctx)
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for _, id := range slices.Sorted(maps.Keys(where)) {
		j, err := q.getFrom(ctx, id, where[id].stage, where[id].name)
		if errors.Is(err, ErrNotFound) {
			continue // It was removed meanwhile.
		}
		if err != nil {
			return nil, err
		}
		if len(stages) == 0 || slices.Contains(stages, j.Stage) {
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// IDs returns the IDs of the jobs in all stages, oldest first. It reads no records.
func (q *Queue) IDs(ctx context.Context) ([]string, error) {
	where, err := q.locate(ctx)
	return slices.Sorted(maps.Keys(where)), err
}

// Waiting returns the IDs of the jobs in one stage, oldest first. It reads no records.
func (q *Queue) Waiting(ctx context.Context, stage job.Stage) ([]string, error) {
	root, err := q.open()
	if root == nil || err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // It was only read.
	spots, err := listStage(ctx, root, stage)
	return slices.Sorted(maps.Keys(spots)), err
}

// Count returns how many jobs are in each stage. It reads no records.
func (q *Queue) Count(ctx context.Context) (map[job.Stage]int, error) {
	where, err := q.locate(ctx)
	counts := map[job.Stage]int{}
	for _, stage := range job.Stages {
		counts[stage] = 0
	}
	for _, at := range where {
		counts[at.stage]++
	}
	return counts, err
}

// Get returns one job, wherever it is now. The error wraps ErrNotFound when no stage has it.
func (q *Queue) Get(ctx context.Context, id string) (Job, error) {
	return q.getFrom(ctx, id, job.Incoming, id)
}

// A spot is where a job was seen: a stage, and the name of the job's folder in it.
type spot struct {
	stage job.Stage
	name  string
}

// locate finds in which stage each job is. Jobs go forwards, so one pass in their order
// misses none of them; the second pass finds what a worker gave back behind the first.
func (q *Queue) locate(ctx context.Context) (map[string]spot, error) {
	where := map[string]spot{}
	root, err := q.open()
	if root == nil || err != nil {
		return where, err
	}
	defer func() { _ = root.Close() }() // It was only read.
	for _, stage := range job.Stages {
		spots, err := listStage(ctx, root, stage)
		if err != nil {
			return nil, err
		}
		maps.Copy(where, spots)
	}
	for _, stage := range job.Stages {
		if stage.Final() {
			break
		}
		spots, err := listStage(ctx, root, stage)
		if err != nil {
			return nil, err
		}
		for id, at := range spots {
			if _, seen := where[id]; !seen {
				where[id] = at
			}
		}
	}
	return where, nil
}

// getFrom is Get, but tries one folder in one stage first.
func (q *Queue) getFrom(ctx context.Context, id string, first job.Stage, name string) (Job, error) {
	if !job.ValidID(id) {
		return Job{}, fmt.Errorf("reading job %q: %w", id, ErrNotFound)
	}
	root, err := q.open()
	if err != nil {
		return Job{}, err
	}
	if root == nil {
		return Job{}, fmt.Errorf("reading job %s: %w", id, ErrNotFound)
	}
	defer func() { _ = root.Close() }() // It was only read.
	if j, ok := readJob(root, first, id, name); ok {
		return j, nil
	}
	for range rounds {
		for _, stage := range job.Stages {
			if err := ctx.Err(); err != nil {
				return Job{}, fmt.Errorf("reading job %s: %w", id, err)
			}
			if j, ok := readJob(root, stage, id, nameIn(ctx, root, stage, id)); ok {
				return j, nil
			}
		}
	}
	return Job{}, fmt.Errorf("reading job %s: %w", id, ErrNotFound)
}

// open returns the queue's folder, or nil when there is none. It is opened from within the
// data folder, so that a link in its place cannot lead out of that.
func (q *Queue) open() (*os.Root, error) {
	root, err := place.OpenRoot(q.data, job.QueueFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no queue and no error is an answer: nothing was ever taken
	}
	if err != nil {
		return nil, fmt.Errorf("opening the queue of %q: %w", q.data, err)
	}
	return root, nil
}

func nameIn(ctx context.Context, root *os.Root, stage job.Stage, id string) string {
	if stage.Entry() == "" {
		return id
	}
	spots, err := listStage(ctx, root, stage)
	if at, ok := spots[id]; ok && err == nil {
		return at.name
	}
	return id
}

// listStage maps the IDs in a stage to the names of their folders.
func listStage(ctx context.Context, root *os.Root, stage job.Stage) (map[string]spot, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("listing the jobs that are %s: %w", stage, err)
	}
	entries, err := readFolder(root, string(stage))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the jobs that are %s: %w", stage, err)
	}
	spots := map[string]spot{}
	for _, entry := range entries {
		if c, ok := job.ParseClaim(entry.Name()); ok && entry.IsDir() {
			spots[c.ID] = spot{stage, entry.Name()}
		}
	}
	return spots, nil
}
