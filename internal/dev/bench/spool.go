package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// Spool is the part about handing jobs from service to service, without an engine.
type Spool struct {
	Machine Machine `json:"machine"`
	// Jobs is how many jobs went through all stages, Workers how many workers each stage had.
	Jobs    int `json:"jobs"`
	Workers int `json:"workers"`
	// Seconds is how long that took, JobsPerSecond how many ended in a second.
	Seconds       float64 `json:"seconds"`
	JobsPerSecond float64 `json:"jobs_per_second"`
	// Queued is what a job costs while many wait.
	Queued []Queued `json:"queued"`
}

// Queued is what it costs to take a job from those that wait and bring it to its end.
type Queued struct {
	// Waiting is how many jobs waited at the beginning, Jobs over how many of them it was measured.
	Waiting int `json:"waiting"`
	Jobs    int `json:"jobs"`
	// MicrosecondsPerJob is the time for each, all workers together.
	MicrosecondsPerJob float64 `json:"microseconds_per_job"`
}

// Spool measures handing jobs on: through all stages, and with up to so many waiting. It removes
// what it made, also when ctx ends.
func (b *Bench) Spool(ctx context.Context, jobs, workers, waiting int) (Spool, error) {
	s := Spool{Machine: machine()}
	program, err := b.own(ctx, tools.SpoolBench)
	if err != nil {
		return s, err
	}
	path, remove, err := b.folder()
	if err != nil {
		return s, err
	}
	defer remove(ctx)
	defer b.UI.Progress("handing jobs on", 0, term.Seconds).Done()
	out, err := run.Output(ctx, b.Runner, run.Cmd{Name: program, Env: b.Environ, Args: []string{
		"-dir=" + path, "-jobs=" + strconv.Itoa(jobs), "-workers=" + strconv.Itoa(workers), "-waiting=" + strconv.Itoa(waiting),
	}})
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil {
		return s, exit.Errorf(exit.Failed, "measuring the spool: %w", err)
	}
	return s, nil
}

// Table shows it to people.
func (s Spool) Table() (header []string, rows [][]string) {
	row := func(name string, jobs int, microseconds float64) {
		rows = append(rows, []string{name, strconv.Itoa(jobs), fmt.Sprintf("%.0f/s", 1e6/max(microseconds, 1)), fmt.Sprintf("%.0f us", microseconds)})
	}
	row("all stages, from none", s.Jobs, 1e6*s.Seconds/float64(s.Jobs))
	for _, q := range s.Queued {
		row(fmt.Sprintf("two stages, %d waiting", q.Waiting), q.Jobs, q.MicrosecondsPerJob)
	}
	return []string{"SPOOL", "JOBS", "RATE", "TIME / JOB"}, rows
}
