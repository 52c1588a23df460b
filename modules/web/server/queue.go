package server

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/queue"
	"github.com/im2-audio/im2/pipeline/space"
)

const (
	// mostOnWay and mostEnded are how many jobs the queue's page shows.
	mostOnWay, mostEnded = 100, 10
	// lookAgain is how long a look at the queue is good for: whoever asks more often makes the disk no more work.
	lookAgain = time.Second
)

// onTheirWay are the stages of jobs that have not ended.
var onTheirWay = slices.DeleteFunc(slices.Clone(job.Stages), job.Stage.Final)

// states say in plain words what is done with a job.
var states = map[job.Stage]string{
	job.Incoming: "being taken in", job.Pending: "waiting", job.Separating: "separating", job.Separated: "waiting for the organizer",
	job.Organizing: "being filed", job.Done: "done", job.Rejected: "rejected", job.Failed: "failed",
}

// A queueView looks at the queue for all who ask, at most once a second.
type queueView struct {
	queue *queue.Queue
	data  string
	limit space.Limit
	now   func() time.Time

	mu     sync.Mutex // held while records are read, so that few are in memory at once
	looked time.Time
	last   queueState
}

// queueState is what the queue's page shows.
type queueState struct {
	// Notices say why no song is taken, or soon will not be, and what to do.
	Notices []string
	// Counts are the stages that have jobs, in their order.
	Counts []stageCount
	// Rows are those on their way, oldest first, and then those that ended last.
	Rows []row
	// More is how many on their way are not shown.
	More int
}

type stageCount struct {
	Stage string
	State string
	N     int
}

// A row is a job as a line of a table.
type row struct {
	queue.Job
	// State says in plain words where it is, Note what went wrong.
	State, Note string
	// Percent is how far the separation is; -1 where that is not known, or it is not separated.
	Percent int
	// Age is how long ago it was taken.
	Age string
	// Song is the key of its song, if it may be in the library.
	Song string
}

func (v *queueView) look(ctx context.Context) (queueState, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := v.now(); !v.looked.IsZero() && now.Sub(v.looked) >= 0 && now.Sub(v.looked) < lookAgain {
		return v.last, nil
	}
	listing, err := v.queue.List(ctx)
	if err != nil {
		return queueState{}, err
	}
	notices, err := v.notices()
	if err != nil {
		return queueState{}, err
	}
	state := queueState{Notices: notices}
	counts := listing.Counts()
	for _, stage := range job.Stages {
		if n := counts[stage]; n > 0 {
			state.Counts = append(state.Counts, stageCount{string(stage), states[stage], n})
		}
	}
	ids := listing.IDs(onTheirWay...)
	state.More = max(0, len(ids)-mostOnWay)
	ended := listing.IDs(job.Done, job.Rejected, job.Failed)
	ended = slices.Clone(ended[max(0, len(ended)-mostEnded):])
	slices.Reverse(ended)
	for _, id := range slices.Concat(ids[:len(ids)-state.More], ended) {
		j, err := listing.Get(ctx, id)
		switch {
		case err == nil:
			state.Rows = append(state.Rows, rowOf(j, v.now()))
		case ctx.Err() != nil:
			return queueState{}, err
		} // Else it was removed meanwhile.
	}
	v.last, v.looked = state, v.now()
	return state, nil
}

// notices are what is wrong with all songs.
func (v *queueView) notices() (all []string, err error) {
	paused, err := pause.Read(v.data)
	if err != nil {
		return nil, err
	}
	if paused != nil {
		text := "Paused"
		if since := ago(v.now(), paused.Since); since != "" {
			text += ", " + since + " ago"
		}
		if paused.By != "" {
			text += " by " + paused.By
		}
		all = append(all, text+": workers finish what they have, and take nothing new until somebody types \"mage resume\".")
	}
	if warning := v.limit.Look(v.data).Warning(); warning != "" {
		all = append(all, strings.ToUpper(warning[:1])+warning[1:]+". \"mage prune\" makes room.")
	}
	return all, nil
}

func rowOf(j queue.Job, now time.Time) row {
	r := row{Job: j, State: states[j.Stage], Note: cmp.Or(j.Problem, j.Error), Percent: -1, Age: ago(now, j.Made())}
	if j.Stage == job.Failed && j.Error == job.Cancelled {
		r.State, r.Note = job.Cancelled, ""
	}
	if percent, known := j.Progress.Percent(); known && j.Stage == job.Separating {
		r.Percent = percent
	}
	if j.Stage == job.Done && j.Track != "" {
		r.Song = keyOf(j.Track)
	}
	r.History, r.Files, r.Warnings, r.Options, r.Settings = nil, nil, nil, options.Options{}, options.Options{} // A page needs none of it, and a record may be large.
	return r
}

func (s *Server) queuePage(w http.ResponseWriter, r *http.Request) {
	state, err := s.queue.look(r.Context())
	if err != nil {
		s.failed(w, "reading the queue", err)
		return
	}
	s.show(w, http.StatusOK, "queue", state)
}

// liveQueue is the part of the queue's page that changes.
func (s *Server) liveQueue(ctx context.Context) ([]byte, error) {
	state, err := s.queue.look(ctx)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = s.pages["queue"].ExecuteTemplate(&text, "part-queue", state)
	return text.Bytes(), err
}
