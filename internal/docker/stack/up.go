package stack

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/internal/term"
)

// UpOptions change what Up does.
type UpOptions struct {
	// Replicas is the number of containers for the services in it.
	Replicas map[string]int
	// Environ has entries of the form NAME=value for Compose, which win over the settings.
	Environ []string
	// Before are containers that ran earlier, and Replaced paths on this machine that have another file or folder since. It
	// is for engines in a virtual machine, whose mounts this one does not see.
	Before   Settled
	Replaced []string
}

// Up starts the services from the images that are there, waits until all are healthy
// and prints how they are. On a failure the error says which service, its state, exit
// code, last health output and last log lines.
func (s Stack) Up(ctx context.Context, o UpOptions) error {
	args := []string{"up", "--detach", "--no-build", "--pull", "missing", "--remove-orphans"}
	for _, service := range slices.Sorted(maps.Keys(o.Replicas)) {
		args = append(args, "--scale", service+"="+strconv.Itoa(o.Replicas[service]))
	}
	before, err := s.Containers(ctx)
	if err != nil {
		return err
	}
	if s.Project.WebOff() { // Compose does not know that it is left out.
		args = append(args, s.Project.Services()...)
		if err := s.removeLeftOut(ctx, o, before); err != nil {
			return err
		}
	}
	if err := s.removeReplaced(ctx, o, before); err != nil {
		return err
	}
	step := s.UI.Step("starting "+s.Project.Name(), "")
	if err := step.End(s.start(ctx, step, o.Environ, args, before)); err != nil {
		return fmt.Errorf("starting %s: %w", s.Project.Name(), err)
	}
	return s.waitAndShow(ctx, before)
}

// start runs "compose up", and says how many containers it started.
func (s Stack) start(ctx context.Context, step *term.Step, environ, args []string, before []Container) error {
	if err := s.compose(ctx, step, environ, args...); err != nil {
		return err
	}
	after, err := s.Containers(ctx)
	if err != nil {
		return err
	}
	ran := make(map[string]time.Time)
	for _, c := range before {
		if c.running() && c.Started != nil {
			ran[c.id] = *c.Started
		}
	}
	n := 0
	for _, c := range after {
		if c.Started != nil && !c.Started.Equal(ran[c.id]) {
			n++
		}
	}
	step.Done("started %s", english.Plural(n, "container", ""))
	if n == 0 {
		step.Done("every container runs already")
	}
	return nil
}

// removeReplaced stops and removes the containers that mount what is no longer at its place. Compose compares paths, and
// takes them for up to date.
func (s Stack) removeReplaced(ctx context.Context, o UpOptions, all []Container) error {
	var services []string
	for _, c := range all {
		if c.unseen && slices.Contains(o.Before, c.identity()) {
			for _, v := range s.Project.Compose.Services[c.Service].Volumes {
				if v.Type == types.VolumeTypeBind && slices.Contains(o.Replaced, v.Source) {
					c.Replaced = append(c.Replaced, v.Source)
				}
			}
		}
		if len(c.Replaced) > 0 {
			s.UI.Note("%s", s.ReplacedText(c))
			services = append(services, c.Service)
		}
	}
	services = slices.DeleteFunc(slices.Compact(services), func(name string) bool { return !slices.Contains(s.Project.Services(), name) })
	if len(services) == 0 {
		return nil
	}
	if err := s.remove(ctx, o, services...); err != nil {
		return fmt.Errorf("removing containers that use what was replaced: %w", err)
	}
	return nil
}

// removeLeftOut stops and removes the containers of the pages, which are left out.
func (s Stack) removeLeftOut(ctx context.Context, o UpOptions, all []Container) error {
	if !slices.ContainsFunc(all, func(c Container) bool { return c.Service == s.Project.Web }) {
		return nil
	}
	if err := s.remove(ctx, o, s.Project.Web); err != nil {
		return fmt.Errorf("removing what is left out: %w", err)
	}
	return nil
}

func (s Stack) remove(ctx context.Context, o UpOptions, services ...string) error {
	list := safetext.List(services, 4, ", ")
	step := s.UI.Step("removing the containers of "+list, "removed the containers of "+list)
	return step.End(s.compose(ctx, step, o.Environ, append([]string{"rm", "--stop", "--force"}, services...)...))
}

// ReplacedText says what a container has in place of what it mounts.
func (s Stack) ReplacedText(c Container) string {
	var names []string
	for _, path := range c.Replaced {
		names = append(names, safetext.Quoted(s.Project.Rel(path)))
	}
	return fmt.Sprintf("%s uses what was %s when it was started: that was moved, replaced or mounted over since", c.label(), safetext.List(names, 3, ", "))
}

// compose runs Compose, which writes to the step's output.
func (s Stack) compose(ctx context.Context, step *term.Step, environ []string, args ...string) error {
	e, err := s.Client.Find(ctx)
	if err != nil {
		return err
	}
	if len(environ) > 0 {
		e = e.WithEnv(environ...)
	}
	c := e.ComposeCommand(s.Project.Root, args...)
	c.Stdout, c.Stderr = step.Output(), step.Output()
	return e.Run(ctx, c)
}
