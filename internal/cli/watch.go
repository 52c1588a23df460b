package cli

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/queue"
)

const (
	// watchEvery is the time between two looks at the queue.
	watchEvery = 500 * time.Millisecond
	// watchStep is the progress, in percent, that is worth a line where nothing is redrawn.
	watchStep = 10
	// endedKept is how many jobs that ended meanwhile are shown below those on their way.
	endedKept = 100
	// songShown is how much of a song's name a row of the screen has room for.
	songShown = 40
)

// watchJobs shows the jobs in these stages, and what changes, until ctx ends, which is no error.
func (t Target) watchJobs(ctx context.Context, p *project.Project, stages []job.Stage, asJSON bool) error {
	q := queue.New(p.Data)
	screen := t.UI.Screen()
	show, step := t.lineOf, watchStep
	rows := watched{stages: stages, jobs: map[string]queue.Job{}}
	switch {
	case asJSON:
		show, step = t.objectOf, 1
	case screen != nil:
		show, step = rows.put, 1
	}
	watch := q.Watch(step, stages...)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		err := each(watch.Look(ctx), show)
		if err == nil && screen != nil && !asJSON {
			err = screen.Show(rows.draw)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // an interrupt is how watching ends
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func each(jobs func(func(queue.Job, error) bool), do func(*queue.Job) error) (err error) {
	jobs(func(j queue.Job, failed error) bool {
		if err = failed; err == nil {
			err = do(&j)
		}
		return err == nil
	})
	return err
}

// objectOf prints a job as one line of JSON.
func (t Target) objectOf(j *queue.Job) error {
	return t.UI.JSONLine(listedJob{Job: *j, AgeSeconds: int64(ageOf(j).Seconds()), Lost: j.Losses})
}

// lineOf prints a job's state with the time.
func (t Target) lineOf(j *queue.Job) error {
	line := []string{time.Now().Format(time.TimeOnly), j.ID, cmp.Or(string(j.Stage), "removed")}
	if j.Stage != "" {
		line = append(line, strconv.Quote(j.Name)) // quoted: a name may hold what a terminal would obey
	}
	if progress := j.ProgressText(); progress != "-" {
		line = append(line, progress)
	}
	if text := note(&listedJob{Job: *j}); text != "-" && j.Stage != "" {
		line = append(line, text)
	}
	t.UI.Result("%s", strings.Join(line, "  "))
	return nil
}

func ageOf(j *queue.Job) time.Duration { return max(0, time.Since(j.Made())) }

// watched are the jobs of a screen, by their IDs.
type watched struct {
	stages []job.Stage
	jobs   map[string]queue.Job
	// ended are those that ended while they were watched, the last one first.
	ended []string
}

func (w *watched) put(j *queue.Job) error {
	w.ended = slices.DeleteFunc(w.ended, func(id string) bool { return id == j.ID })
	if j.Stage == "" || len(w.stages) > 0 && !slices.Contains(w.stages, j.Stage) {
		delete(w.jobs, j.ID)
		return nil
	}
	if j.Stage.Final() {
		w.ended = slices.Insert(w.ended, 0, j.ID)
		for _, id := range w.ended[min(len(w.ended), endedKept):] {
			delete(w.jobs, id)
		}
		w.ended = w.ended[:min(len(w.ended), endedKept)]
	}
	j.History = nil // the largest part of a record
	w.jobs[j.ID] = *j
	return nil
}

// draw is the table of a screen: the jobs on their way, the oldest first, and below them those that ended.
func (w *watched) draw(columns, rows int) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(w.jobs)) {
		if j := w.jobs[id]; !j.Stage.Final() {
			ids = append(ids, id)
		}
	}
	ids = append(ids, w.ended...)
	room := max(1, rows-2) // without the header and the last line
	var table [][]string
	for _, id := range ids[:min(len(ids), room)] {
		j := w.jobs[id]
		song := []rune(strconv.Quote(j.Name))
		if len(song) > songShown {
			song = append(song[:songShown-1], '…')
		}
		table = append(table, []string{
			string(j.Stage), j.ProgressText(), string(song), queue.AgeText(ageOf(&j)), j.ID, j.Tries(), note(&listedJob{Job: j}),
		})
	}
	last := "no job is on its way"
	if len(ids) > 0 {
		last = english.Plural(len(ids), "job", "")
	}
	if hidden := len(ids) - room; hidden > 0 {
		last += ", " + strconv.Itoa(hidden) + " not shown"
	}
	last += "; Ctrl-C ends this, the jobs go on"
	if len(table) == 0 {
		return term.Fit([]string{last}, nil, nil, columns)
	}
	lines := term.Fit([]string{"STATE", "PROGRESS", "SONG", "AGE", "JOB", "ATTEMPTS", "NOTE"}, table, []string{"ATTEMPTS", "AGE", "JOB", "NOTE"}, columns)
	return append(lines, term.Fit([]string{last}, nil, nil, columns)...)
}
