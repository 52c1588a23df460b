package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term/closest"
)

// Logs is which logs to print.
type Logs struct {
	// Services are names of services with commas between them; "" for all.
	Services string
	// Follow prints new lines until the context ends.
	Follow bool
	// Tail is how many lines of each container; nil for all, and with Follow for 100.
	Tail *int
	// Since is a time before now such as 10m, or a point in time; "" for all.
	Since string
}

// Logs prints logs. With Follow, the end of ctx is no error.
func (s Stack) Logs(ctx context.Context, asked Logs) error {
	args := []string{"logs"}
	tail := asked.Tail
	if asked.Follow {
		args = append(args, "--follow")
		if tail == nil && asked.Since == "" {
			tail = new(100)
		}
	}
	if tail != nil {
		if *tail < 0 {
			return noTail(*tail)
		}
		args = append(args, "--tail", strconv.Itoa(*tail))
	}
	if asked.Since != "" {
		if err := checkTime(asked.Since); err != nil {
			return err
		}
		args = append(args, "--since", asked.Since)
	}
	if s.UI.Plain() {
		args = append(args, "--no-color")
	}
	args, err := s.withServices(args, asked.Services)
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
	if err == nil || asked.Follow && ctx.Err() != nil {
		return nil //nolint:nilerr // an interrupt is how following ends
	}
	return fmt.Errorf("reading the logs of %s: %w", s.Project.Name(), err)
}

// Kubectl returns the arguments with which "kubectl logs" prints the same lines of its pods.
func (asked Logs) Kubectl() ([]string, error) {
	tail := -1 // all: with a selector, kubectl prints ten otherwise
	if asked.Follow && asked.Since == "" {
		tail = 100
	}
	if asked.Tail != nil {
		tail = *asked.Tail
		if tail < 0 {
			return nil, noTail(tail)
		}
	}
	args := []string{"--tail=" + strconv.Itoa(tail)}
	if asked.Follow {
		args = append(args, "--follow")
	}
	if asked.Since == "" {
		return args, nil
	}
	if err := checkTime(asked.Since); err != nil {
		return nil, err
	}
	if _, err := time.ParseDuration(asked.Since); err == nil {
		return append(args, "--since="+asked.Since), nil
	}
	for _, layout := range pointsInTime {
		if at, err := time.ParseInLocation(layout, asked.Since, time.Local); err == nil {
			return append(args, "--since-time="+at.Format(time.RFC3339)), nil
		}
	}
	return args, nil
}

func noTail(n int) error {
	return exit.Errorf(exit.Unusable, "-tail=%d: it is how many lines to print", n)
}

// pointsInTime are the forms of a point in time that the engine knows.
var pointsInTime = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly}

// checkTime returns an error unless the engine knows such a time.
func checkTime(text string) error {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return nil
	}
	for _, layout := range pointsInTime {
		if _, err := time.Parse(layout, text); err == nil {
			return nil
		}
	}
	return exit.Errorf(exit.Unusable, "-since=%s: it is a time before now such as 30s, 10m or 2h, or a point in time such as 2026-11-28T09:30:00Z", text)
}

func (s Stack) withServices(args []string, services string) ([]string, error) {
	names, err := s.Chosen(services)
	return append(args, names...), err
}

// Chosen returns the services that a text names, with commas between them; none for "". The error says that there is no such one.
func (s Stack) Chosen(services string) (names []string, err error) {
	if services == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(services, ",") {
		name = strings.TrimSpace(name)
		if err := s.checkService(name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func (s Stack) checkService(name string) error {
	all := s.Project.Services()
	if slices.Contains(all, name) {
		return nil
	}
	return exit.Errorf(exit.Unusable, "there is no service %q in %s; there are: %s%s", name, s.Project.Name(), strings.Join(all, ", "), closest.Hint(name, all))
}
