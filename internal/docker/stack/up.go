package stack

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// UpOptions change what Up does.
type UpOptions struct {
	// Replicas is the number of containers for the services in it.
	Replicas map[string]int
	// Environ has entries of the form NAME=value for Compose, which win over the settings.
	Environ []string
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
	if err := s.compose(ctx, o.Environ, args...); err != nil {
		return fmt.Errorf("starting %s: %w", s.Project.Name(), err)
	}
	return s.waitAndShow(ctx, before)
}

func (s Stack) compose(ctx context.Context, environ []string, args ...string) error {
	e, err := s.Client.Find(ctx)
	if err != nil {
		return err
	}
	if len(environ) > 0 {
		e = e.WithEnv(environ...)
	}
	c := e.ComposeCommand(s.Project.Root, args...)
	c.Stdout, c.Stderr = s.UI.Stderr(), s.UI.Stderr()
	return e.Run(ctx, c)
}
