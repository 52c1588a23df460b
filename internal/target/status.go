package target

import (
	"context"
	"fmt"
	"strconv"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/queue"
	"github.com/im2-audio/im2/internal/stack"
)

// jobsShown is how many jobs on their way a person is shown.
const jobsShown = 10

// status is the answer of "mage status -json".
type status struct {
	Project  string            `json:"project"`
	Services []stack.Container `json:"services"`
	// Jobs are those on their way, oldest first.
	Jobs []queue.Job `json:"jobs"`
}

// Status prints how the services are and which jobs are on their way.
func (t Target) Status(ctx context.Context, asJSON bool) error {
	s, err := t.stack(ctx)
	if err != nil {
		return err
	}
	services, err := s.Look(ctx)
	if err != nil {
		return err
	}
	jobs, err := underway(ctx, s.Project)
	if err != nil {
		t.UI.Note("the jobs are not shown: %v", err) // how the services are is worth telling all the same
	}
	if asJSON {
		return t.UI.JSON(status{Project: s.Project.Name(), Services: services, Jobs: jobs})
	}
	s.Print(services)
	t.printJobs(jobs)
	return nil
}

// underway returns the jobs that are in no final stage.
func underway(ctx context.Context, p *project.Project) ([]queue.Job, error) {
	jobs := []queue.Job{} // a list in JSON, too, where it is empty
	if p.Data == "" {
		return jobs, nil
	}
	var stages []queue.Stage
	for _, stage := range queue.Stages() {
		if !stage.Final() {
			stages = append(stages, stage)
		}
	}
	found, err := queue.New(p.Data).List(ctx, queue.Query{Stages: stages})
	return append(jobs, found...), err
}

func (t Target) printJobs(jobs []queue.Job) {
	if len(jobs) == 0 {
		return
	}
	var rows [][]string
	for i, job := range jobs {
		if i == jobsShown {
			break
		}
		progress := "-"
		if percent, known := job.Progress.Percent(); job.Progress != nil && known {
			progress = fmt.Sprintf("%d %%", percent)
		}
		// Quoted: a name may hold what a terminal would obey.
		rows = append(rows, []string{strconv.Quote(job.Name), string(job.Stage), progress})
	}
	t.UI.Result("")
	t.UI.Table([]string{"SONG", "STAGE", "PROGRESS"}, rows)
	if more := len(jobs) - jobsShown; more > 0 {
		t.UI.Result("and %d more", more)
	}
}
