package queue

import (
	"context"
	"slices"

	"github.com/im2-audio/im2/pipeline/job"
)

// A Listing says where each job was at one time. Its records are read one by one.
type Listing struct {
	queue *Queue
	where map[string]spot
}

// List finds all jobs. It reads no records.
func (q *Queue) List(ctx context.Context) (*Listing, error) {
	where, err := q.locate(ctx)
	return &Listing{q, where}, err
}

// Counts returns how many jobs were in each stage.
func (l *Listing) Counts() map[job.Stage]int {
	counts := map[job.Stage]int{}
	for _, stage := range job.Stages {
		counts[stage] = 0
	}
	for _, at := range l.where {
		counts[at.stage]++
	}
	return counts
}

// IDs returns the IDs of the jobs that were in these stages, oldest first.
func (l *Listing) IDs(stages ...job.Stage) []string {
	var ids []string
	for id, at := range l.where {
		if slices.Contains(stages, at.stage) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Get is Queue.Get, and looks first where the job was.
func (l *Listing) Get(ctx context.Context, id string) (Job, error) {
	at, known := l.where[id]
	if !known {
		return l.queue.Get(ctx, id)
	}
	return l.queue.getFrom(ctx, id, at.stage, at.name)
}
