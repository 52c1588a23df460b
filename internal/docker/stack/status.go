package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term/closest"
)

// Look returns the containers as Containers does, with the users of those that run.
func (s Stack) Look(ctx context.Context) ([]Container, error) {
	all, err := s.Containers(ctx)
	if err != nil {
		return nil, err
	}
	return all, s.lookAtUsers(ctx, all)
}

// Print shows containers as a table. images says of services' images whether they are up to
// date; nil leaves that out.
func (s Stack) Print(all []Container, images map[string]string) {
	header := []string{"SERVICE", "STATE", "HEALTH", "UID:GID"}
	if images != nil {
		header = append(header, "IMAGE")
	}
	rows := make([][]string, 0, len(all))
	for _, c := range all {
		row := []string{c.label(), c.stateText(), cmp.Or(c.Health, "-"), cmp.Or(c.User, "-")}
		if images != nil {
			row = append(row, cmp.Or(images[c.Service], "-"))
		}
		rows = append(rows, row)
	}
	s.UI.Table(header, rows)
}

func (c Container) label() string {
	if c.number == "" || c.number == "1" {
		return c.Service
	}
	return c.Service + " (" + c.number + ")"
}

func (c Container) stateText() string {
	if c.ExitCode != nil {
		return fmt.Sprintf("%s (%d)", c.State, *c.ExitCode)
	}
	return c.State
}

func (s Stack) lastLines(ctx context.Context, id string) string {
	out, err := s.Client.Combined(ctx, s.Client.Command("logs", "--tail", "20", id))
	if err != nil || len(out) == 0 {
		return ""
	}
	return "  " + strings.ReplaceAll(strings.TrimRight(string(out), "\n"), "\n", "\n  ")
}

// Down stops and removes the containers. Data, images and the model cache stay.
func (s Stack) Down(ctx context.Context) error {
	if err := s.compose(ctx, nil, "down", "--remove-orphans"); err != nil {
		return fmt.Errorf("stopping %s: %w", s.Project.Name(), err)
	}
	return nil
}

// Restart stops the services and starts them again, one or all, and waits until they
// are healthy.
func (s Stack) Restart(ctx context.Context, service string) error {
	args, err := s.withService([]string{"restart"}, service)
	if err != nil {
		return err
	}
	if err := s.compose(ctx, nil, args...); err != nil {
		return fmt.Errorf("restarting %s: %w", s.Project.Name(), err)
	}
	return s.waitAndShow(ctx, nil)
}

func (s Stack) waitAndShow(ctx context.Context, before []Container) error {
	if err := s.wait(ctx, waitHealthy, before); err != nil {
		return err
	}
	all, err := s.Look(ctx)
	if err != nil {
		return err
	}
	s.Print(all, nil)
	return nil
}

// Logs prints the logs of one service or all; with follow until ctx ends, which is then
// no error.
func (s Stack) Logs(ctx context.Context, service string, follow bool) error {
	args := []string{"logs"}
	if follow {
		args = append(args, "--follow", "--tail", "100")
	}
	if s.UI.Plain() {
		args = append(args, "--no-color")
	}
	args, err := s.withService(args, service)
	if err != nil {
		return err
	}
	e, err := s.Client.Find(ctx)
	if err != nil {
		return err
	}
	c := e.ComposeCommand(s.Project.Root, args...)
	lines := s.UI.Others() // what a service writes is not ours
	c.Stdout, c.Stderr = lines, s.UI.Stderr()
	err = errors.Join(e.Run(ctx, c), lines.Close())
	if err == nil || follow && ctx.Err() != nil {
		return nil //nolint:nilerr // an interrupt is how following ends
	}
	return fmt.Errorf("reading the logs of %s: %w", s.Project.Name(), err)
}

func (s Stack) withService(args []string, service string) ([]string, error) {
	if service == "" {
		return args, nil
	}
	if !slices.Contains(s.Project.Services(), service) {
		return nil, exit.Errorf(exit.Unusable, "there is no service %q in %s; there are: %s%s",
			service, s.Project.Name(), strings.Join(s.Project.Services(), ", "), closest.Hint(service, s.Project.Services()))
	}
	return append(args, service), nil
}
