package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// Spool is the part about handing jobs from service to service, without an engine.
type Spool struct {
	// Machine is where it was measured.
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
	// Waiting is how many jobs waited at the beginning.
	Waiting int `json:"waiting"`
	// Jobs is over how many of them it was measured.
	Jobs int `json:"jobs"`
	// MicrosecondsPerJob is the time for each, all workers together.
	MicrosecondsPerJob float64 `json:"microseconds_per_job"`
}

// Jobs is what the spool part works on.
type Jobs struct {
	// Root is the project's folder. The data folders are made in its .im2, or in Dir.
	Root, Dir string
	// Jobs is how many go through all stages, Workers how many workers each stage has.
	Jobs, Workers int
	// Waiting are the lengths of the queue.
	Waiting []int
}

// Spool measures handing jobs on. It removes what it made, also when ctx ends.
func (b *Bench) Spool(ctx context.Context, o Jobs) (Spool, error) {
	program, err := b.own(ctx, tools.SpoolBench())
	if err != nil {
		return Spool{}, err
	}
	path, remove, err := b.folder(o.Root, o.Dir)
	if err != nil {
		return Spool{}, err
	}
	defer remove(ctx)
	settle(path)
	var waiting []string
	for _, n := range o.Waiting {
		waiting = append(waiting, strconv.Itoa(n))
	}
	var out bytes.Buffer
	progress := b.UI.Progress("handing jobs on", 0, term.Seconds)
	defer progress.Done()
	err = b.Runner.Run(ctx, run.Cmd{
		Name: program, Stdout: &out, Env: b.Environ, Args: []string{
			"-dir=" + path, "-jobs=" + strconv.Itoa(o.Jobs), "-workers=" + strconv.Itoa(o.Workers), "-queued=" + strings.Join(waiting, ","),
		},
	})
	s := Spool{Machine: machine(path)}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &s)
	}
	if err != nil {
		return Spool{}, exit.Errorf(exit.Failed, "measuring the spool: %w", err)
	}
	return s, nil
}

// Table shows it to people.
func (s Spool) Table() (header []string, rows [][]string) {
	rows = append(rows, []string{"all stages, from none", strconv.Itoa(s.Jobs), fmt.Sprintf("%.0f/s", s.JobsPerSecond), fmt.Sprintf("%.0f us", 1e6*s.Seconds/float64(max(s.Jobs, 1)))})
	for _, q := range s.Queued {
		rows = append(rows, []string{
			fmt.Sprintf("two stages, %d waiting", q.Waiting), strconv.Itoa(q.Jobs),
			fmt.Sprintf("%.0f/s", 1e6/max(q.MicrosecondsPerJob, 1)), fmt.Sprintf("%.0f us", q.MicrosecondsPerJob),
		})
	}
	return []string{"SPOOL", "JOBS", "RATE", "TIME / JOB"}, rows
}
