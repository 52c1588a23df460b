// Package queue reads the pipeline's jobs on the host, and brings back those that failed. It
// writes nothing else: the services own the queue, and a job's stage is nothing but the folder
// it lies in.
//
// What surprises: the queue moves while it is read. A job may be gone from where it was
// seen a moment ago, so Get looks through the stages again, and List goes over the stages
// so that no job that moves on meanwhile is missed or told twice. Whatever lies in the
// queue and is no job is passed over. Containers can write there, so no link is followed
// out of it, nothing but regular files is opened, and no more than 1 MiB of each is read.
package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

const (
	folder       = "queue"
	recordFile   = "job.json"
	progressFile = "progress.json"
	// rounds is how often Get goes through the stages. A job that is missed in one round has
	// been moved backwards past the look (given back, or tried again), which takes a person
	// or a failing worker; several in a row do not happen.
	rounds = 4
)

// ErrNotFound is returned when no stage has the job.
var ErrNotFound = errors.New("no such job")

// A Queue is the queue of one data folder. The zero value is not usable; see New.
type Queue struct {
	data string
}

// New returns the queue of a data folder. Neither needs to exist: a queue that does not
// exist is empty.
func New(data string) *Queue { return &Queue{data: data} }

// Query says which jobs List returns.
type Query struct {
	// From leaves out the jobs whose ID sorts before it; their records are not read.
	From string
	// Stages are those whose jobs are wanted; empty means all of them.
	Stages []Stage
}

// List returns the jobs of a query, oldest first. A job that moves while List runs is
// returned once, in the latest of the stages it was seen in.
func (q *Queue) List(ctx context.Context, query Query) ([]Job, error) {
	where, err := q.locate(ctx, query.From)
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for _, id := range slices.Sorted(maps.Keys(where)) {
		j, err := q.getFrom(ctx, id, where[id].stage, where[id].name)
		if errors.Is(err, ErrNotFound) {
			continue // Removed meanwhile, which is its owner's right.
		}
		if err != nil {
			return nil, err
		}
		if len(query.Stages) == 0 || slices.Contains(query.Stages, j.Stage) {
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// IDs returns the IDs of all jobs that do not sort before from, in any stage, oldest
// first. It reads no records.
func (q *Queue) IDs(ctx context.Context, from string) ([]string, error) {
	where, err := q.locate(ctx, from)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(where)), nil
}

// Waiting returns the IDs of the jobs in one stage, oldest first. It reads no records.
func (q *Queue) Waiting(ctx context.Context, stage Stage) ([]string, error) {
	root, err := q.open()
	if root == nil || err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // It was only read.
	spots, err := listStage(ctx, root, stage, "")
	ids := make([]string, 0, len(spots))
	for id := range spots {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, err
}

// Count returns how many jobs are in each stage. It reads no records.
func (q *Queue) Count(ctx context.Context) (map[Stage]int, error) {
	where, err := q.locate(ctx, "")
	counts := map[Stage]int{}
	for _, stage := range Stages() {
		counts[stage] = 0
	}
	for _, at := range where {
		counts[at.stage]++
	}
	return counts, err
}

// Get returns one job, wherever it is now. The error wraps ErrNotFound when no stage has it.
func (q *Queue) Get(ctx context.Context, id string) (Job, error) {
	return q.getFrom(ctx, id, Incoming, id)
}

// A spot is where a job was seen: a stage, and the name of the job's folder in it.
type spot struct {
	stage Stage
	name  string
}

// locate finds in which stage each job is. Jobs go forwards, so one pass in their order
// misses none of them; the second pass finds what a worker gave back behind the first.
func (q *Queue) locate(ctx context.Context, from string) (map[string]spot, error) {
	where := map[string]spot{}
	root, err := q.open()
	if root == nil || err != nil {
		return where, err
	}
	defer func() { _ = root.Close() }() // It was only read.
	for _, stage := range Stages() {
		spots, err := listStage(ctx, root, stage, from)
		if err != nil {
			return nil, err
		}
		maps.Copy(where, spots)
	}
	for _, stage := range active() {
		spots, err := listStage(ctx, root, stage, from)
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

// getFrom is Get, looking for one folder in one stage before all the others.
func (q *Queue) getFrom(ctx context.Context, id string, first Stage, name string) (Job, error) {
	if !ValidID(id) {
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
		for _, stage := range Stages() {
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
	data, err := os.OpenRoot(q.data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no queue and no error is an answer: nothing was ever taken
	}
	if err != nil {
		return nil, fmt.Errorf("opening the data folder: %w", err)
	}
	defer func() { _ = data.Close() }() // It was only read.
	root, err := data.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // as above
	}
	if err != nil {
		return nil, fmt.Errorf("opening the queue of %q: %w", q.data, err)
	}
	return root, nil
}

// nameIn returns the name that a job's folder has, if it is in that stage.
func nameIn(ctx context.Context, root *os.Root, stage Stage, id string) string {
	if stage != Separating && stage != Organizing {
		return id
	}
	spots, err := listStage(ctx, root, stage, id)
	if at, ok := spots[id]; ok && err == nil {
		return at.name
	}
	return id
}

// listStage maps the IDs in a stage that do not sort before from to their folders.
func listStage(ctx context.Context, root *os.Root, stage Stage, from string) (map[string]spot, error) {
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
		if h, ok := parseName(entry.Name()); ok && entry.IsDir() && strings.Compare(h.id, from) >= 0 {
			spots[h.id] = spot{stage, entry.Name()}
		}
	}
	return spots, nil
}
