package queue

import (
	"context"
	"errors"

	"github.com/im2-audio/im2/pipeline/job"
)

// Ends finds the jobs that end, from one look to the next. It is in memory: of what ended before the first look, only the number is
// known.
type Ends struct {
	queue  *Queue
	stages []job.Stage
	counts map[job.Stage]int
	known  map[job.Stage]map[string]bool
}

// Ends returns one for final stages.
func (q *Queue) Ends(stages ...job.Stage) *Ends { return &Ends{queue: q, stages: stages} }

// Counts is how many jobs there were in each stage at the last look.
func (e *Ends) Counts() map[job.Stage]int { return e.counts }

// Look reads the jobs that ended since the last look, at most so many: the others come with the next one. A job that was tried again
// and ends again comes again. The first look returns none.
func (e *Ends) Look(ctx context.Context, most int) (ended []Job, err error) {
	counts, known, read := map[job.Stage]int{}, map[job.Stage]map[string]bool{}, 0
	for _, stage := range e.stages {
		ids, err := e.queue.Waiting(ctx, stage)
		if err != nil {
			return nil, err
		}
		counts[stage], known[stage] = len(ids), make(map[string]bool, len(ids))
		for _, id := range ids {
			if e.known == nil || e.known[stage][id] {
				known[stage][id] = true
				continue
			}
			if read++; read > most {
				continue
			}
			j, err := e.queue.GetIn(ctx, id, stage)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			known[stage][id] = true
			if j.Stage == stage {
				ended = append(ended, j)
			}
		}
	}
	e.counts, e.known = counts, known
	return ended, nil
}
