package cli

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/machine/bundle"
	"github.com/im2-audio/im2/internal/machine/doctor"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/queue"
)

const (
	// bundledLines and bundledJobs are how many of the last lines of each container, and of the last failed jobs, are in a bundle.
	bundledLines = "500"
	bundledJobs  = 50
	// bundleWithin is how long each container may take to tell its lines.
	bundleWithin = 20 * time.Second
)

// versions are what an archive says of the programs.
type versions struct {
	IM2     string         `json:"im2"`
	Go      string         `json:"go"`
	System  string         `json:"system"`
	Compose string         `json:"compose,omitempty"`
	Buildx  string         `json:"buildx,omitempty"`
	Context string         `json:"context,omitempty"`
	Engine  *engine.Server `json:"engine,omitempty"`
	Error   string         `json:"error,omitempty"`
}

// bundledFailures are the failed jobs of an archive.
type bundledFailures struct {
	jobCounts
	Jobs  []queue.Job `json:"jobs"`
	Error string      `json:"error,omitempty"`
}

// bundle writes the archive of a bug report, as far as there is something to be found, and prints its path.
func (t Target) bundle(ctx context.Context, names []string, asJSON bool) error {
	root, err := filepath.EvalSymlinks(t.Root)
	if err != nil {
		return exit.Errorf(exit.Unusable, "finding the project's folder: %w", err)
	}
	b := bundle.New(root, time.Now())
	b.Environment(t.Environ)
	p, projectErr := t.project(ctx)
	if projectErr == nil {
		b.Learn(p)
	} else {
		t.learnFiles(b)
	}
	d := doctor.Doctor{Root: t.Root, Home: t.Home, Environ: t.Environ, Runner: t.Runner, UI: t.UI}
	report, err := d.Run(ctx, names)
	if err != nil {
		return err
	}
	b.AddJSON("checks.json", report, nil)
	b.AddJSON("versions.json", t.versions(ctx, p), nil)
	e, err := doctor.Settings(ctx, t.Root, t.Environ)
	b.AddJSON("settings.json", env{Root: e.Root, Settings: e.Settings, Problems: append([]string{}, e.Problems...)}, err)
	if projectErr != nil {
		b.Add("project.error", projectErr.Error()+"\n")
	} else {
		t.bundleProject(ctx, b, p)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	file, err := b.Write(t.From)
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	if asJSON {
		return t.UI.JSON(map[string]string{"bundle": file})
	}
	t.UI.Result("%s", filepath.Base(file))
	t.UI.Note("passwords and other secrets are left out as far as they can be told; look through it before you send it")
	return nil
}

// learnFiles adds all that is in the files of a project that cannot be read: errors repeat what is in them.
func (t Target) learnFiles(b *bundle.Bundle) {
	files, _ := project.Files(t.Root, t.Environ) // where there are none, none is repeated
	for _, path := range append(files, filepath.Join(t.Root, project.TeamFile), filepath.Join(t.Root, project.LocalFile)) {
		if text, err := run.ReadFile(path); err == nil {
			b.File(path, text)
		}
	}
}

func (t Target) versions(ctx context.Context, p *project.Project) versions {
	v := versions{IM2: "unknown", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.IM2 = info.Main.Path + " " + info.Main.Version
	}
	environ := os.Environ()
	if p != nil {
		environ = p.Settings.Environ()
	}
	e, err := engine.Look(ctx, t.engine(environ))
	if err != nil {
		v.Error = err.Error()
	}
	if e != nil {
		v.Compose, v.Buildx, v.Context, v.Engine = e.Compose.Version, e.Buildx.Version, e.Context, &e.Server
	}
	return v
}

// bundleProject adds what is known of a project: its Compose file, containers with their logs, and failed jobs.
func (t Target) bundleProject(ctx context.Context, b *bundle.Bundle, p *project.Project) {
	text, err := b.Compose(p.Compose)
	if err != nil {
		text = err.Error() + "\n"
	}
	b.Add("compose.yml", text)
	if p.Data != "" {
		b.AddJSON("failed.json", failures(ctx, p.Data), nil)
	}
	c, err := engine.Open(t.engine(p.Settings.Environ()))
	if err != nil {
		return // versions.json says why
	}
	s := stack.Stack{Project: p, Client: c, UI: t.UI}
	services, err := s.Look(ctx)
	plan, planErr := t.builder(p, c).Plan(ctx)
	if planErr != nil {
		b.Add("images.error", planErr.Error()+"\n")
	}
	b.AddJSON("status.json", status{Project: p.Name(), Services: services, Images: plan.Modules}, err)
	for _, container := range services {
		if container.ID() != "" {
			b.Add("logs/"+filepath.Base(container.Name)+".txt", lastLog(ctx, c, container.ID()))
		}
	}
}

func lastLog(ctx context.Context, c *engine.Client, id string) string {
	ctx, stop := context.WithTimeout(ctx, bundleWithin)
	defer stop()
	var tail bundle.Tail
	cmd := c.Command("logs", "--tail", bundledLines, id)
	cmd.Stdout, cmd.Stderr = &tail, &tail
	if err := c.Run(ctx, cmd); err != nil {
		return tail.String() + "\n" + err.Error() + "\n"
	}
	return tail.String()
}

// failures are the last failed jobs, the latest first.
func failures(ctx context.Context, data string) bundledFailures {
	q := queue.New(data)
	f := bundledFailures{Jobs: []queue.Job{}}
	var err error
	if f.Counts, err = q.Count(ctx); err != nil {
		f.Error = err.Error()
	}
	ids, err := q.Waiting(ctx, job.Failed)
	if err != nil {
		f.Error = err.Error()
	}
	for i := range min(len(ids), bundledJobs) {
		if j, err := q.Get(ctx, ids[len(ids)-1-i]); err == nil {
			f.Jobs = append(f.Jobs, j)
		}
	}
	return f
}
