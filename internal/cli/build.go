package cli

import (
	"context"
	"time"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// Build are the flags of the target of that name.
type Build struct {
	// Module is the only one to build; "" for all.
	Module string
	// Force, Pull, Push, Jobs and DryRun are image.Options'.
	Force, Pull, Push bool
	Jobs              int
	DryRun            bool
	// JSON prints the answer as JSON.
	JSON bool
	// Wait is how long to wait for other commands on the project; nil is as long as it takes.
	Wait *time.Duration
}

// built is the answer of "mage build -json".
type built struct {
	Project string         `json:"project"`
	Modules []image.Module `json:"modules"`
	// Entries is how many files and folders of build contexts were read, and
	// DigestSeconds the time which that took.
	Entries       int     `json:"entries"`
	DigestSeconds float64 `json:"digest_seconds"`
}

// Build builds the images that are stale.
func (t Target) Build(ctx context.Context, o Build) error {
	if o.Jobs < 0 {
		return exit.Errorf(exit.Unusable, "-jobs=%d: there cannot be fewer than one at once; 0 leaves it to BuildKit", o.Jobs)
	}
	p, c, err := t.docker(ctx)
	if err != nil {
		return err
	}
	if err := t.checkModel(p); err != nil {
		return err
	}
	options := image.Options{Force: o.Force, Pull: o.Pull, Push: o.Push, Jobs: o.Jobs, DryRun: o.DryRun}
	if o.Module != "" {
		options.Modules = []string{o.Module}
	}
	tell := t.printPlan
	if o.JSON {
		tell = func(image.Plan) {}
	}
	if !o.DryRun {
		release, err := t.alone(ctx, p.Root, o.Wait)
		if err != nil {
			return err
		}
		defer release()
	}
	plan, err := t.builder(p, c).Build(ctx, options, tell)
	if err != nil || !o.JSON {
		return err
	}
	return t.UI.JSON(built{p.Name(), plan.Modules, plan.Entries, plan.Took.Seconds()})
}

// printPlan says of each module whether it is stale and why.
func (t Target) printPlan(plan image.Plan) {
	now := time.Now()
	var rows [][]string
	for _, m := range plan.Modules {
		rows = append(rows, []string{m.Name, m.Text(now)})
	}
	if len(rows) > 0 {
		t.UI.Rows(rows)
	}
}

// notePlan says it where the build is not what was asked for: as notes, and only what is stale.
func (t Target) notePlan(plan image.Plan) {
	for _, m := range plan.Modules {
		if m.Stale {
			t.UI.Trace("%s  %s", m.Name, m.Text(time.Now()))
		}
	}
}

func (t Target) builder(p *project.Project, c *engine.Client) image.Builder {
	return image.Builder{
		Project: p, Client: c, Runner: t.Runner, UI: t.UI,
		Cache: t.cache(p.Settings.Environ()),
	}
}

// cache is where things are remembered: the user's own folder, so that nobody else's notes
// are believed.
func (t Target) cache(environ []string) string { return engine.UserFolder(t.Home, environ) }
