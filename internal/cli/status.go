package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/queue"
)

// jobsShown is how many jobs on their way a person is shown.
const jobsShown = 10

// status is the answer of "mage status -json".
type status struct {
	Project  string            `json:"project"`
	Services []stack.Container `json:"services"`
	// Images are the images of the services that are built here; null where they could not be
	// inspected.
	Images []image.Module `json:"images"`
	// Jobs are those on their way, oldest first.
	Jobs []queue.Job `json:"jobs"`
	// Counts is how many jobs are in each stage, those that have ended included.
	Counts map[job.Stage]int `json:"counts"`
}

// Status prints how the services are, whether their images are up to date, and which jobs are
// on their way.
func (t Target) Status(ctx context.Context, asJSON bool) error {
	p, c, err := t.docker(ctx)
	if err != nil {
		return err
	}
	s := stack.Stack{Project: p, Client: c, UI: t.UI}
	services, err := s.Look(ctx)
	if err != nil {
		return err
	}
	plan, err := t.builder(p, c).Plan(ctx)
	if err != nil { // how the services are is worth telling all the same
		t.UI.Note("the images are not shown: %v", err)
	}
	jobs, counts, err := underway(ctx, p)
	if err != nil {
		t.UI.Note("the jobs are not shown: %v", err)
	}
	if asJSON {
		return t.UI.JSON(status{Project: p.Name(), Services: services, Images: plan.Modules, Jobs: jobs, Counts: counts})
	}
	s.Print(services, imageTexts(plan))
	t.printJobs(jobs)
	t.printCounts(counts)
	return nil
}

// imageTexts says of each image whether it is up to date.
func imageTexts(plan image.Plan) map[string]string {
	texts := make(map[string]string)
	now := time.Now()
	for _, m := range plan.Modules {
		texts[m.Name] = m.Text(now)
	}
	return texts
}

// underway returns the jobs that are in no final stage, and how many are in each.
func underway(ctx context.Context, p *project.Project) ([]queue.Job, map[job.Stage]int, error) {
	jobs := []queue.Job{} // a list in JSON, too, where it is empty
	if p.Data == "" {
		return jobs, nil, nil
	}
	counts, err := queue.New(p.Data).Count(ctx)
	if err != nil {
		return jobs, nil, err
	}
	var stages []job.Stage
	for _, stage := range job.Stages {
		if !stage.Final() {
			stages = append(stages, stage)
		}
	}
	found, err := queue.New(p.Data).List(ctx, stages...)
	return append(jobs, found...), counts, err
}

// printCounts tells how many jobs are where, unless there never was one.
func (t Target) printCounts(counts map[job.Stage]int) {
	var texts []string
	for _, stage := range job.Stages {
		if n := counts[stage]; n > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", n, stage))
		}
	}
	if len(texts) == 0 {
		return
	}
	t.UI.Result("")
	t.UI.Result("jobs: %s", strings.Join(texts, ", "))
	if n := counts[job.Failed]; n > 0 {
		t.UI.Note(`"mage jobs -state=failed" says why, "mage retry -all" tries again`)
	}
}

func (t Target) printJobs(jobs []queue.Job) {
	if len(jobs) == 0 {
		return
	}
	var rows [][]string
	for _, j := range jobs[:min(jobsShown, len(jobs))] {
		// Quoted: a name may hold what a terminal would obey.
		rows = append(rows, []string{strconv.Quote(j.Name), string(j.Stage), progressText(&j)})
	}
	t.UI.Result("")
	t.UI.Table([]string{"SONG", "STAGE", "PROGRESS"}, rows)
	if more := len(jobs) - jobsShown; more > 0 {
		t.UI.Result("and %d more", more)
	}
}
