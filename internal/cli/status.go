package cli

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/queue"
	"github.com/im2-audio/im2/pipeline/space"
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
	// Counts is how many jobs are in each stage, those that have ended included.
	Counts map[job.Stage]int `json:"counts"`
	// Watcher is the watcher that takes songs; null where none does.
	Watcher *leaseholder `json:"watcher"`
	// Paused says since when workers take no song; null where they do.
	Paused *pause.Pause `json:"paused"`
	// Disk is that of the data folder; null where its size is not known.
	Disk *space.Disk `json:"disk"`
}

// leaseholder is the watcher that has the lease.
type leaseholder struct {
	queue.Watcher
	// Node is its machine, if it says so in its proof.
	Node string `json:"node"`
}

// leaseholder reads which watcher has the lease; nil where none has. What cannot be read is said.
func (t Target) leaseholder(ctx context.Context, p *project.Project) *leaseholder {
	if p.Data == "" {
		return nil
	}
	found, err := queue.New(p.Data).Watcher(ctx)
	if err != nil {
		t.UI.Note("which watcher takes songs is not shown: %v", err)
	}
	if found == nil {
		return nil
	}
	l := &leaseholder{Watcher: *found}
	proofs, _ := proof.Read(p.Data) // without a proof, the machine is not known
	for _, one := range proofs {
		if one.Err == nil && job.WorkerName(one.Host) == l.Holder {
			l.Node = one.Node
		}
	}
	return l
}

// printLeaseholder says which watcher has the lease.
func (t Target) printLeaseholder(l *leaseholder) {
	if l == nil {
		return
	}
	on := ""
	if l.Node != "" {
		on = " on " + safetext.Line(l.Node)
	}
	t.UI.Result("")
	t.UI.Result("songs are taken by the watcher %s%s since %s, seen %s", l.Holder, on, l.Since.Local().Format(time.DateTime), l.Renewed.Local().Format(time.DateTime))
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
	var counts map[job.Stage]int
	if p.Data != "" {
		if counts, err = queue.New(p.Data).Count(ctx); err != nil {
			t.UI.Note("the jobs are not shown: %v", err)
			counts = nil
		}
	}
	holder, paused, disk := t.leaseholder(ctx, p), t.pauseOf(p), diskOf(p)
	if asJSON {
		return term.JSONList(t.UI, "jobs", underway(ctx, p, counts),
			status{Project: p.Name(), Services: services, Images: plan.Modules, Counts: counts, Watcher: holder, Paused: paused, Disk: disk})
	}
	s.Print(services, imageTexts(plan))
	for _, c := range services {
		if len(c.Replaced) > 0 {
			t.UI.Note(`%s; "mage up" creates it again`, s.ReplacedText(c))
		}
		if len(c.Outdated) > 0 {
			t.UI.Note(`%s; "mage up" creates it again`, s.OutdatedText(c))
		}
	}
	t.printLeaseholder(holder)
	if err := t.printJobs(underway(ctx, p, counts)); err != nil {
		t.UI.Note("not all jobs are shown: %v", err)
	}
	t.printCounts(counts)
	t.notePaused(paused)
	if warning := disk.Warning(); warning != "" {
		t.UI.Note(`%s: %s; "mage prune" makes some`, p.Rel(p.Data), warning)
	}
	return nil
}

// diskOf returns what is known of the disk of a project's data folder; nil for nothing.
func diskOf(p *project.Project) *space.Disk {
	if p.Data == "" {
		return nil
	}
	limit, err := space.Parse(p.Settings.Get(space.Setting).Value)
	if err != nil {
		limit = space.Default // "mage up" refuses it
	}
	return limit.Look(p.Data)
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

// underway reads the jobs that are in no final stage, oldest first. There are none where no counts are known.
func underway(ctx context.Context, p *project.Project, counts map[job.Stage]int) iter.Seq2[queue.Job, error] {
	if counts == nil {
		return func(func(queue.Job, error) bool) {}
	}
	var stages []job.Stage
	for _, stage := range job.Stages {
		if !stage.Final() {
			stages = append(stages, stage)
		}
	}
	return queue.New(p.Data).Jobs(ctx, stages...)
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

func (t Target) printJobs(jobs iter.Seq2[queue.Job, error]) (err error) {
	var rows [][]string
	n := 0
	for j, failed := range jobs {
		if err = failed; err != nil {
			break
		}
		if n++; n <= jobsShown {
			// Quoted: a name may hold what a terminal would obey.
			rows = append(rows, []string{strconv.Quote(j.Name), string(j.Stage), j.ProgressText()})
		}
	}
	if n == 0 {
		return err
	}
	t.UI.Result("")
	t.UI.Table([]string{"SONG", "STAGE", "PROGRESS"}, rows)
	if n > jobsShown {
		t.UI.Result("and %d more", n-jobsShown)
	}
	return err
}
