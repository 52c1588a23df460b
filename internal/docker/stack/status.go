package stack

import (
	"cmp"
	"context"
	"fmt"
	"strings"
)

// Look returns the containers as Containers does, with the users of those that run.
func (s Stack) Look(ctx context.Context) ([]Container, error) {
	all, err := s.Containers(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.lookAtProject(ctx, all); err != nil {
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
	step := s.UI.Step("stopping "+s.Project.Name(), "stopped "+s.Project.Name())
	if err := step.End(s.compose(ctx, step, nil, "down", "--remove-orphans")); err != nil {
		return fmt.Errorf("stopping %s: %w", s.Project.Name(), err)
	}
	return nil
}

// Restart stops the services and starts them again, one or all, and waits until they
// are healthy.
func (s Stack) Restart(ctx context.Context, services string) error {
	args, err := s.withServices([]string{"restart"}, services)
	if err != nil {
		return err
	}
	what := strings.Join(args[1:], ", ")
	if services == "" {
		what = s.Project.Name()
	}
	step := s.UI.Step("restarting "+what, "restarted "+what)
	if err := step.End(s.compose(ctx, step, nil, args...)); err != nil {
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
