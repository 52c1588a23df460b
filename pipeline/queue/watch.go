package queue

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/im2-audio/im2/pipeline/job"
)

// Removed is what the Problem of a job says that somebody removed from the queue. Its Stage is "".
const Removed = "it is no longer in the queue"

// A Watch finds what changes in a queue, from one look to the next.
type Watch struct {
	queue  *Queue
	stages []job.Stage
	step   int
	looked bool
	seen   map[string]sight
}

// A sight is what was seen of a job: its stage, and a text that differs where a person would say that it changed.
type sight struct {
	stage job.Stage
	state string
}

// Watch returns one for the jobs in these stages, or in all if none are given. A progress of less than step percent
// is no change.
func (q *Queue) Watch(step int, stages ...job.Stage) *Watch {
	return &Watch{queue: q, stages: stages, step: max(step, 1), seen: map[string]sight{}}
}

// Look reads the jobs that changed since the last look, also those that left the stages, oldest first. The first look
// reads all jobs of the stages; where none were given, those that have not ended. An error is the last that is
// returned.
func (w *Watch) Look(ctx context.Context) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		where, err := w.queue.locate(ctx)
		if err != nil {
			yield(Job{}, err)
			return
		}
		first := !w.looked
		w.looked = true
		for _, id := range slices.Sorted(maps.Keys(where)) {
			before, at := w.seen[id], where[id]
			if at.stage.Final() && (at.stage == before.stage || before.stage == "" && (first && len(w.stages) == 0 || !w.wants(at.stage))) {
				w.seen[id] = sight{stage: at.stage} // Of a long history nothing else is kept or read.
				continue
			}
			j, err := w.queue.getFrom(ctx, id, at.stage, at.name)
			if errors.Is(err, ErrNotFound) {
				continue // It was removed meanwhile.
			}
			if err == nil && !w.changed(&j) {
				continue
			}
			if !yield(j, err) || err != nil {
				return
			}
		}
		for _, id := range slices.Sorted(maps.Keys(w.seen)) {
			if _, there := where[id]; there {
				continue
			}
			before := w.seen[id]
			delete(w.seen, id)
			if !before.stage.Final() && w.wants(before.stage) && !yield(Job{Record: job.Record{ID: id}, Problem: Removed}, nil) {
				return
			}
		}
	}
}

func (w *Watch) changed(j *Job) bool {
	before := w.seen[j.ID]
	now := sight{j.Stage, ""}
	if !j.Stage.Final() {
		percent, _ := j.Progress.Percent()
		var phase job.Phase
		if j.Progress != nil {
			phase = j.Progress.Phase
		}
		now.state = fmt.Sprint(j.Attempt, j.Losses, phase, percent/w.step, j.Name, j.Error, j.Problem)
	}
	w.seen[j.ID] = now
	return now != before && (w.wants(now.stage) || w.wants(before.stage))
}

func (w *Watch) wants(stage job.Stage) bool {
	return stage != "" && (len(w.stages) == 0 || slices.Contains(w.stages, stage))
}
