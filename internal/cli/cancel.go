package cli

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/permissions"
	"github.com/im2-audio/im2/internal/term/closest"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/queue"
)

// takingPatience is how long a cancel waits for the watcher to take a song, which for a large one may take minutes.
const takingPatience = 30 * time.Second

// cancellable are the stages that jobs are cancelled in. Those that wait come first, and the latest of them: a worker that is
// free claims the next one at once.
var cancellable = []job.Stage{job.Pending, job.Separated, job.Separating, job.Organizing, job.Incoming}

// Cancel takes a job out of the queue, or every one.
func (t Target) Cancel(ctx context.Context, id string) error {
	p, err := t.dataProject(ctx)
	if err != nil {
		return err
	}
	q, folder := queue.New(p.Data), t.dataFolder(p)
	if id != everyJob {
		if !job.ValidID(id) {
			fix := exit.Fix{Type: "mage jobs", Note: `lists them, "mage cancel -all" takes every one that has not ended` + hintOfJob(ctx, q, id, cancellable...)}
			return exit.Fixable(exit.Unusable, fix, "cancelling job %q: that is no job's ID", id)
		}
		return t.cancel(ctx, folder, q, id)
	}
	var ids []string
	for _, stage := range cancellable {
		found, err := q.Waiting(ctx, stage)
		if err != nil {
			return exit.Errorf(exit.Failed, "listing the jobs: %w", err)
		}
		for i := range found {
			ids = append(ids, found[len(found)-1-i])
		}
	}
	if len(ids) == 0 {
		t.UI.Note("no job is on its way")
	}
	var errs []error
	for _, id := range ids {
		if err := t.cancel(ctx, folder, q, id); !errors.Is(err, job.ErrEnded) { // One that ended meanwhile is no failure.
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return exit.With(exit.Failed, job.JoinErrors(errs...))
}

func (t Target) cancel(ctx context.Context, folder permissions.Folder, q *queue.Queue, id string) error {
	err := folder.Cancel(ctx, id)
	if errors.Is(err, job.ErrIncoming) {
		t.UI.Note("waiting until the watcher has taken the song of %s", id)
		if taken(ctx, q, id) {
			err = folder.Cancel(ctx, id)
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		t.UI.Result(`%s is %s; "mage retry %[1]s" puts it back`, id, job.Cancelled)
		return nil
	case errors.Is(err, fs.ErrNotExist):
		fix := exit.Fix{Type: "mage jobs", Note: "lists them" + hintOfJob(ctx, q, id, cancellable...)}
		return exit.Fixable(exit.Unusable, fix, "cancelling job %s: %w", id, queue.ErrNotFound)
	case errors.Is(err, job.ErrEnded):
		return exit.With(exit.Unusable, err)
	case errors.Is(err, job.ErrIncoming):
		fix := exit.Fix{Type: "mage cancel " + id, Note: `again when "mage jobs" shows it as pending`}
		return exit.Fixable(exit.Failed, fix, "%w, for %s now", err, takingPatience)
	default:
		return exit.With(exit.Failed, err)
	}
}

// taken waits until a job is no longer incoming, and reports whether that is so.
func taken(ctx context.Context, q *queue.Queue, id string) bool {
	ctx, stop := context.WithTimeout(ctx, takingPatience)
	defer stop()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if j, err := q.Get(ctx, id); err != nil || j.Stage != job.Incoming {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// hintOfJob names the job in these stages whose ID is near to what was typed.
func hintOfJob(ctx context.Context, q *queue.Queue, typed string, stages ...job.Stage) string {
	var ids []string
	for _, stage := range stages {
		found, err := q.Waiting(ctx, stage)
		if err != nil {
			return "" // the error that this would have ended says enough
		}
		ids = append(ids, found...)
	}
	return closest.Hint(typed, ids)
}
