package cli

import (
	"context"
	"errors"
	"iter"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/permissions"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/internal/term/closest"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/queue"
)

// everyJob is what "mage retry" and "mage cancel" take in place of an ID.
const everyJob = "-all"

// longestNote is how much of an error a line has room for.
const longestNote = 100

// Jobs are the flags of the target of that name.
type Jobs struct {
	// State has the stages whose jobs are wanted, with commas between them; "" for all.
	State string
	// JSON prints JSON.
	JSON bool
	// Watch follows the jobs.
	Watch bool
}

// jobCounts is what "mage jobs -json" says beside the jobs.
type jobCounts struct {
	// Counts is how many there are in each stage, whatever was asked for.
	Counts map[job.Stage]int `json:"counts"`
	// Paused says since when workers take no song; null where they do.
	Paused *pause.Pause `json:"paused"`
}

// listedJob is a job with its age.
type listedJob struct {
	queue.Job
	// AgeSeconds is how long ago the watcher took the song.
	AgeSeconds int64 `json:"age_seconds"`
	// OlderEngine says that its stems are in output/, and that an engine made them whose faults this
	// one has not.
	OlderEngine bool `json:"older_engine"`
	// Lost is the record's Losses, said also where there are none.
	Lost int `json:"losses"`
}

// Jobs lists the jobs.
func (t Target) Jobs(ctx context.Context, o Jobs) error {
	stages, err := stagesOf(o.State)
	if err != nil {
		return err
	}
	p, err := t.dataProject(ctx)
	if err != nil {
		return err
	}
	paused, err := pause.Read(p.Data)
	switch {
	case err != nil:
	case o.Watch:
		t.notePaused(paused)
		err = t.watchJobs(ctx, p, stages, o.JSON)
	case !o.JSON:
		err = t.printList(listed(ctx, p.Data, stages))
		t.notePaused(paused)
	default:
		var counts map[job.Stage]int
		if counts, err = queue.New(p.Data).Count(ctx); err == nil {
			err = term.JSONList(t.UI, "jobs", listed(ctx, p.Data, stages), jobCounts{counts, paused})
		}
	}
	if err != nil {
		return exit.Errorf(exit.Failed, "listing the jobs: %w", err)
	}
	return nil
}

// listed reads the jobs, oldest first.
func listed(ctx context.Context, data string, stages []job.Stage) iter.Seq2[listedJob, error] {
	return func(yield func(listedJob, error) bool) {
		now := time.Now()
		for j, err := range queue.New(data).Jobs(ctx, stages...) {
			if !yield(listedJob{j, int64(max(0, now.Sub(j.Made())).Seconds()), olderEngine(data, &j), j.Losses}, err) {
				return
			}
		}
	}
}

// stagesOf reads -state.
func stagesOf(text string) ([]job.Stage, error) {
	if text == "" {
		return nil, nil
	}
	var stages []job.Stage
	for name := range strings.SplitSeq(text, ",") {
		stage := job.Stage(strings.TrimSpace(name))
		if !slices.Contains(job.Stages, stage) {
			return nil, exit.Errorf(exit.Unusable, "-state=%s: there is no state %q; the states are %s%s",
				text, name, strings.Join(stageNames(), ", "), closest.Hint(name, stageNames()))
		}
		stages = append(stages, stage)
	}
	return stages, nil
}

func stageNames() []string {
	var names []string
	for _, stage := range job.Stages {
		names = append(names, string(stage))
	}
	return names
}

func (t Target) printList(jobs iter.Seq2[listedJob, error]) error {
	n, older := 0, 0
	rows := func(yield func([]string, error) bool) {
		for j, err := range jobs {
			if err != nil {
				yield(nil, err)
				return
			}
			if n++; j.OlderEngine {
				older++
			}
			// Quoted: a name may hold what a terminal would obey.
			row := []string{
				j.ID, string(j.Stage), strconv.Quote(j.Name), j.ProgressText(), j.Tries(),
				queue.AgeText(time.Duration(j.AgeSeconds) * time.Second), note(&j),
			}
			if !yield(row, nil) {
				return
			}
		}
	}
	if err := t.UI.LongTable([]string{"JOB", "STATE", "SONG", "PROGRESS", "ATTEMPTS", "AGE", "NOTE"}, rows); err != nil {
		return err
	}
	if n == 0 {
		t.UI.Note("there are none")
	}
	if older > 0 {
		t.UI.Note(`%s %s separated by an older engine with audible errors; run "mage separate FILE -again" with the original from archive/`,
			english.Plural(older, "song", ""), english.PluralWord(older, "was", "were"))
	}
	return nil
}

// olderEngine reports whether a song has stems that an engine with known faults made.
func olderEngine(data string, j *queue.Job) bool {
	track := job.SongFolder(j.Track)
	if j.Stage != job.Done || j.EngineVersion >= options.EngineVersion || track == "" {
		return false
	}
	root, err := os.OpenRoot(data)
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }() // It was only read.
	info, err := root.Lstat(path.Join(job.OutputFolder, track))
	return err == nil && info.IsDir()
}

// note is what went wrong with a job.
func note(j *listedJob) string {
	switch {
	case j.Problem != "":
		return inLine(j.Problem)
	case j.OlderEngine:
		return "made by an older engine"
	}
	return inLine(j.Error)
}

// inLine makes a text of a service fit for a line: short, and without what a terminal would obey.
func inLine(text string) string {
	text = safetext.Line(text)
	if runes := []rune(text); len(runes) > longestNote {
		text = string(runes[:longestNote-1]) + "…"
	}
	if text == "" {
		return "-"
	}
	return text
}

// Retry brings a failed job back, or every one.
func (t Target) Retry(ctx context.Context, id string) error {
	p, err := t.dataProject(ctx)
	if err != nil {
		return err
	}
	q := queue.New(p.Data)
	folder := t.dataFolder(p)
	if id != everyJob {
		if !job.ValidID(id) {
			fix := exit.Fix{Type: "mage jobs -state=failed", Note: `lists them, "mage retry -all" takes every one` + hintOfJob(ctx, q, id, job.Failed)}
			return exit.Fixable(exit.Unusable, fix, "bringing job %q back: that is no job's ID", id)
		}
		return t.retry(ctx, folder, q, id)
	}
	ids, err := q.Waiting(ctx, job.Failed)
	if err != nil {
		return exit.Errorf(exit.Failed, "listing the jobs: %w", err)
	}
	if len(ids) == 0 {
		t.UI.Note("no job has failed")
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, t.retry(ctx, folder, q, id))
		if ctx.Err() != nil {
			break
		}
	}
	if err := job.JoinErrors(errs...); err != nil {
		return exit.With(exit.Failed, err)
	}
	return nil
}

func (t Target) retry(ctx context.Context, folder permissions.Folder, q *queue.Queue, id string) error {
	before, _ := q.Get(ctx, id) // Retry says what is wrong with it.
	to, err := folder.Retry(ctx, q, id)
	switch {
	case err == nil:
		t.UI.Result("%s is %s", id, to)
		t.UI.Note("it had %s, and %s", english.Plural(before.Attempt, "attempt", ""), english.Plural(before.Losses, "lost worker", ""))
		return nil
	case errors.Is(err, queue.ErrNotFound):
		return exit.Fixable(exit.Unusable, exit.Fix{Type: "mage jobs -state=failed", Note: "lists them" + hintOfJob(ctx, q, id, job.Failed)}, "bringing job %s back: %w", id, err)
	case errors.Is(err, queue.ErrNotFailed):
		return exit.Errorf(exit.Unusable, "bringing job %s back: %w", id, err)
	default:
		text, fix := exit.Split(err)
		return exit.Fixable(exit.Failed, fix, "bringing job %s back: %s", id, text)
	}
}
