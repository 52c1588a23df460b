package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/ownership"
	"github.com/im2-audio/im2/pipeline/job"
)

// quickPercent keeps the garbage collector from running while it is found out that there is nothing to do: five runs of it
// take a fifth of that time. Reading a project needs some 12 MB.
const quickPercent = 800

// Up brings the pipeline up: folders with the right owner, images, model, services.
// replicas says how many containers services have, as SERVICE=NUMBER with commas, and is remembered. Otherwise there are as
// many demucs workers as the engine's machine holds, unless the Compose file says how many. pages are
// remembered, too. wait is how long to wait for other commands on the project.
func (t Target) Up(ctx context.Context, replicas string, pages Pages, wait *time.Duration) error {
	collect := debug.SetGCPercent(quickPercent)
	defer debug.SetGCPercent(collect)
	t, rememberWeb, err := t.withWeb(pages)
	if err != nil {
		return err
	}
	p, c, err := t.docker(ctx)
	if err != nil {
		return err
	}
	want, err := chosen(p, replicas)
	if err != nil {
		return err
	}
	if err := t.checkPipeline(p, pages); err != nil {
		return err
	}
	if t.stillUp(ctx, p, c, want) {
		rememberWeb(p)
		t.showWeb(p)
		return nil
	}
	debug.SetGCPercent(collect)
	release, err := t.alone(ctx, p.Root, wait)
	if err != nil {
		return err
	}
	defer release()
	if err := refuseRoot(ctx, p); err != nil {
		return err
	}
	options, capacity, err := t.scale(ctx, p, c, want)
	if err != nil {
		return err
	}
	// Before Compose: what is missing then would be made by the engine, for root.
	environ, err := t.prepare(ctx, p)
	if err != nil {
		return err
	}
	options.Environ = append(options.Environ, environ...)
	b := t.builder(p, c)
	if _, err := b.Build(ctx, image.Options{}, t.notePlan); err != nil {
		return err
	}
	if err := t.fetchModel(ctx, p); err != nil {
		return err
	}
	options.Before, options.Replaced = t.replacedSince(p)
	s := stack.Stack{Project: p, Client: c, UI: t.UI}
	if err := s.Up(ctx, options); err != nil {
		return portTaken(p, err)
	}
	b.RemoveOld(ctx) // those that containers were made from until now
	if replicas != "" {
		t.remember(p, want)
	}
	rememberWeb(p)
	t.showWeb(p)
	t.settle(ctx, p, c, want, capacity)
	return nil
}

// checkPipeline refuses settings, flags and folders with which the pipeline cannot work.
func (t Target) checkPipeline(p *project.Project, pages Pages) error {
	if err := checkWeb(p, pages); err != nil {
		return err
	}
	if err := t.checkModel(p); err != nil {
		return err
	}
	if err := checkExecution(p); err != nil {
		return err
	}
	if _, err := p.Settings.Separation(); err != nil {
		return err
	}
	return checkDivided(p)
}

// checkDivided refuses a pipeline whose folders are different mounts: songs go from one to the next by rename. Other projects
// need not rename anything.
func checkDivided(p *project.Project) error {
	if p.Data == "" || !slices.Contains(p.Folders, filepath.Join(p.Data, job.QueueFolder)) {
		return nil
	}
	if problem, fix := p.Divided(); problem != "" {
		return exit.Fixable(exit.Failed, fix, "%s", problem)
	}
	return nil
}

// prepare makes the data folders, with the app user as their owner. Where one has had another owner until now, such as
// after a change of the IDs, everything in it and in the volumes is reset: services could not write there. It returns what
// tells the services which data folder to accept.
func (t Target) prepare(ctx context.Context, p *project.Project) (environ []string, err error) {
	if err := checkDataID(p); err != nil {
		return nil, err
	}
	resetter := t.resetter(p)
	var other string
	for _, tree := range p.Trees {
		before, had := ownerOf(tree.Data)
		if err := resetter.Ensure(ctx, p.Root, tree.Folders, p.Settings.AppUser); err != nil {
			return nil, err
		}
		if had && before != p.Settings.AppUser && !resetter.Translates() {
			other = fmt.Sprintf("%s belonged to %s: all in it is given to %s", p.Rel(tree.Data), before, p.Settings.AppUser)
		}
	}
	environ, err = t.identify(ctx, p)
	if other == "" || err != nil {
		return environ, err
	}
	t.UI.Note("%s", other)
	requests, err := t.requests(p, Reset{})
	if err != nil {
		return nil, err
	}
	for _, request := range requests {
		sum, err := resetter.Reset(ctx, request)
		if err != nil {
			return nil, err
		}
		if err := verdict(sum, resetter.ByRoot(p.Data)); err != nil { // the services say whether they can work
			t.UI.Note("%v", err)
		}
	}
	return environ, nil
}

// ownerOf returns the owner of a folder; false where there is none, or its owner is not known.
func ownerOf(folder string) (ownership.Owner, bool) {
	info, err := os.Lstat(folder)
	if err != nil {
		return ownership.Owner{}, false
	}
	return ownership.Of(info)
}

// Down stops and removes the services' containers.
func (t Target) Down(ctx context.Context, wait *time.Duration) error {
	s, err := t.stack(ctx)
	if err != nil {
		return err
	}
	release, err := t.alone(ctx, s.Project.Root, wait)
	if err != nil {
		return err
	}
	defer release()
	return s.Down(ctx)
}

// Logs prints the logs of one service, or of all for "".
func (t Target) Logs(ctx context.Context, asked Logs) error {
	s, err := t.stack(ctx)
	if err != nil {
		return err
	}
	return s.Logs(ctx, asked)
}

// Restart restarts one service, or all for "".
func (t Target) Restart(ctx context.Context, service string, wait *time.Duration) error {
	s, err := t.stack(ctx)
	if err != nil {
		return err
	}
	release, err := t.alone(ctx, s.Project.Root, wait)
	if err != nil {
		return err
	}
	defer release()
	return s.Restart(ctx, service)
}

// Logs is which logs to print.
type Logs = stack.Logs

// Compose runs Compose with arguments in the project, with its settings, and with this process's input and
// output. It returns Compose's exit code.
func (t Target) Compose(ctx context.Context, stdin io.Reader, args []string) (int, error) {
	s, err := t.stack(ctx)
	if err != nil {
		return 0, err
	}
	return s.Through(ctx, stdin, args)
}

// Exec runs a command in the container of a service, as the service's user, and returns its exit code.
func (t Target) Exec(ctx context.Context, stdin io.Reader, service string, command []string) (int, error) {
	s, err := t.stack(ctx)
	if err != nil {
		return 0, err
	}
	return s.Exec(ctx, stdin, service, command)
}
