// Package queue reads the pipeline's jobs, for the commands on the host and the services that only
// read, and brings back those that failed. It writes nothing else.
//
// What surprises: jobs move while they are read. A job may no longer be where it was seen a moment
// ago, so Get tries all stages again, and List goes over the stages so that it neither misses a
// moving job nor returns it twice.
package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"slices"
	"time"

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
	// most is how many jobs of a stage are listed: place.MostEntries, but in tests.
	most int
}

// New returns the queue of a data folder. Neither needs to exist: a queue that does not exist is empty.
func New(data string) *Queue { return &Queue{data: data, most: place.MostEntries} }

// Jobs reads the jobs in these stages, or in all if none are given, oldest first. A job that moves
// meanwhile is read once, in the latest of the stages it was seen in. An error is the last that is
// returned. A record may have half a megabyte: who keeps all of them needs room.
func (q *Queue) Jobs(ctx context.Context, stages ...job.Stage) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		where, err := q.locate(ctx)
		if err != nil {
			yield(Job{}, err)
			return
		}
		for _, id := range slices.Sorted(maps.Keys(where)) {
			at := where[id]
			if len(stages) > 0 && at.stage.Final() && !slices.Contains(stages, at.stage) {
				continue // It stays there, unless somebody tries it again.
			}
			j, err := q.getFrom(ctx, id, at.stage, at.name)
			if errors.Is(err, ErrNotFound) {
				continue // It was removed meanwhile.
			}
			if err != nil {
				yield(Job{}, err)
				return
			}
			if (len(stages) == 0 || slices.Contains(stages, j.Stage)) && !yield(j, nil) {
				return
			}
		}
	}
}

// In reads the jobs in one stage, the oldest first, and lists no other. A job that moves meanwhile is left out.
func (q *Queue) In(ctx context.Context, stage job.Stage) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		root, err := q.open()
		if root == nil {
			if err != nil {
				yield(Job{}, err)
			}
			return
		}
		defer func() { _ = root.Close() }() // It was only read.
		spots, err := q.listStage(ctx, root, stage)
		if err != nil {
			yield(Job{}, err)
			return
		}
		for _, id := range slices.Sorted(maps.Keys(spots)) {
			if err := ctx.Err(); err != nil {
				yield(Job{}, fmt.Errorf("queue/%s: %w", stage, err))
				return
			}
			if j, ok := readJob(root, stage, id, spots[id].name); ok && !yield(j, nil) {
				return
			}
		}
	}
}

// GetIn is Get for a job that was seen in this stage, where it is looked for first.
func (q *Queue) GetIn(ctx context.Context, id string, stage job.Stage) (Job, error) {
	return q.getFrom(ctx, id, stage, id)
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
	spots, err := q.listStage(ctx, root, stage)
	return slices.Sorted(maps.Keys(spots)), err
}

// Count returns how many jobs are in each stage. It reads no records.
func (q *Queue) Count(ctx context.Context) (map[job.Stage]int, error) {
	listing, err := q.List(ctx)
	return listing.Counts(), err
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
		spots, err := q.listStage(ctx, root, stage)
		if err != nil {
			return nil, err
		}
		maps.Copy(where, spots)
	}
	for _, stage := range job.Stages {
		if stage.Final() {
			break
		}
		spots, err := q.listStage(ctx, root, stage)
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
			if j, ok := readJob(root, stage, id, q.nameIn(ctx, root, stage, id)); ok {
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

func (q *Queue) nameIn(ctx context.Context, root *os.Root, stage job.Stage, id string) string {
	if !stage.Working() {
		return id
	}
	spots, err := q.listStage(ctx, root, stage)
	if at, ok := spots[id]; ok && err == nil {
		return at.name
	}
	return id
}

// listStage maps the IDs in a stage to the names of their folders.
func (q *Queue) listStage(ctx context.Context, root *os.Root, stage job.Stage) (map[string]spot, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("queue/%s: %w", stage, err)
	}
	spots := map[string]spot{}
	err := eachEntry(ctx, root, string(stage), func(entry fs.DirEntry) error {
		if c, ok := job.ParseClaim(entry.Name()); ok && entry.IsDir() {
			spots[c.ID] = spot{stage, entry.Name()}
		}
		if len(spots) > q.most {
			return fmt.Errorf("there are more than %d: move the oldest to another folder", q.most)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("queue/%s: %w", stage, err)
	}
	return spots, nil
}

// A Job is one job as it was found.
type Job struct {
	job.Record
	// Stage is the folder the job was in. History may be one step ahead of it after a crash.
	Stage job.Stage `json:"stage"`
	// Progress is nil where there is none, or none that can be read.
	Progress *job.Progress `json:"progress,omitempty"`
	// Problem says why the record could not be read; then the Record has nothing but the ID, and the name where that can be told.
	// A job in Incoming without a record has no problem.
	Problem string `json:"problem,omitempty"`
}

// readJob reads the job in folder name of a stage, and returns false if it is not there. If only its record
// cannot be read, the job has a Problem.
func readJob(root *os.Root, stage job.Stage, id, name string) (Job, bool) {
	dir := path.Join(string(stage), name)
	record, song, err := readRecord(root, dir, id)
	if err != nil {
		info, statErr := root.Lstat(dir)
		if gone := errors.Is(statErr, fs.ErrNotExist); gone || statErr == nil && !info.IsDir() {
			return Job{}, false
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		record, song, err = readRecord(root, dir, id) // It may have come since the first try.
	}
	j := Job{Record: record, Stage: stage, Progress: readProgress(root, dir)}
	if err != nil {
		j.Record = job.Record{ID: id}
		j.SetName(song)
		if stage != job.Incoming || !errors.Is(err, fs.ErrNotExist) {
			j.Problem = fmt.Sprintf("reading %s: %v", job.RecordFile, err)
		}
		return j, true
	}
	// A claim writes nothing: its visit is in the name of the folder until the worker saves the record.
	if c, ok := job.ParseClaim(name); ok && c.Token != "" && stage.Entry() != "" && j.Last().Stage != stage && !j.Announced(stage, c) {
		var start time.Time
		if j.Progress != nil {
			start = j.Progress.Started
		}
		j.Begin(stage, c.Worker, c.Token, start)
	}
	return j, true
}

// readRecord returns with an error the song's name, where the record has one.
func readRecord(root *os.Root, dir, id string) (record job.Record, song string, err error) {
	data, err := readFile(root, path.Join(dir, job.RecordFile))
	if err == nil {
		record, err = job.Parse(data, id)
	}
	if err != nil {
		song = job.NameIn(data)
	}
	return record, song, err
}

// readProgress returns nil for a progress that cannot be read: it is only for display.
func readProgress(root *os.Root, dir string) *job.Progress {
	data, err := readFile(root, path.Join(dir, job.ProgressFile))
	if err != nil {
		return nil
	}
	p, err := job.ParseProgress(data)
	if err != nil {
		return nil
	}
	return &p
}

func readFile(root *os.Root, name string) ([]byte, error) {
	f, err := place.OpenIn(root, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	return job.Read(f)
}

// eachEntry calls do with the entries of a folder that is no link, in no order, until it returns an error.
func eachEntry(ctx context.Context, root *os.Root, name string, do func(fs.DirEntry) error) error {
	if info, err := root.Lstat(name); err != nil {
		return err
	} else if !info.IsDir() {
		return fs.ErrNotExist
	}
	f, err := root.Open(name + "/.") // A FIFO that took its place is not waited for.
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It was only read.
	for {
		entries, err := f.ReadDir(1024)
		for _, entry := range entries {
			if err := do(entry); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
}
