package stack

import (
	"context"
	"fmt"
	"time"

	"github.com/im2-audio/im2/internal/exit"
)

const (
	// waitHealthy is how long all services together may take to become healthy.
	waitHealthy = 3 * time.Minute
	// grace is how long a service may look bad before the wait gives up: a restart may
	// cure it.
	grace = 10 * time.Second
	// steady is how long a service without a health check must have run: one that dies
	// at once and is restarted runs most of the time, too.
	steady = 3 * time.Second
)

// wait returns when every service runs and is healthy, or why not. before are the containers before the services
// were started: one that had already run for long and is still in that run needs no second proof.
func (s Stack) wait(ctx context.Context, limit time.Duration, before []Container) error {
	step := s.UI.Step("waiting until every service is healthy", "every service is healthy")
	waited, err := s.poll(ctx, limit, before)
	if err == nil && !waited {
		step.Drop()
		return nil
	}
	return step.End(err)
}

func (s Stack) poll(ctx context.Context, limit time.Duration, before []Container) (waited bool, err error) {
	deadline := time.Now().Add(limit)
	w := watch{bad: make(map[string]trouble), runs: lasting(before, time.Now())}
	for {
		all, err := s.Containers(ctx)
		if err != nil {
			return waited, err
		}
		verdict := w.judge(all, time.Now())
		if verdict.ready {
			return waited, nil
		}
		if verdict.failed != nil {
			return waited, s.explain(ctx, *verdict.failed, "")
		}
		if time.Now().After(deadline) {
			return waited, s.explain(ctx, *verdict.waiting, fmt.Sprintf("after %s ", limit))
		}
		select {
		case <-ctx.Done():
			return waited, fmt.Errorf("waiting until every service is healthy: %w; they go on starting; \"mage status\" shows them", ctx.Err())
		case <-time.After(500 * time.Millisecond):
			waited = true
		}
	}
}

// verdict is what a look at all containers says.
type verdict struct {
	ready   bool
	failed  *Container // nothing is to be hoped for
	waiting *Container // the first that is not ready yet
}

// watch remembers what earlier looks saw.
type watch struct {
	bad  map[string]trouble
	runs map[string]runs
}

// trouble is the bad state that a container shows now, or showed a moment ago.
type trouble struct {
	since time.Time // the first look that saw it
	last  Container // as the last look that saw it: one that dies again and again may run just now
}

// runs is a container's present run.
type runs struct {
	started time.Time // by the engine's clock: tells one run from the next
	since   time.Time // by ours: the first look that saw this run
}

// lasting returns the runs of containers that have run for longer than steady, by ten seconds or more: the engine's
// clock may differ.
func lasting(before []Container, now time.Time) map[string]runs {
	found := make(map[string]runs)
	for _, c := range before {
		if c.running() && c.Started != nil && now.Sub(*c.Started) > steady+10*time.Second {
			found[c.Name] = runs{started: *c.Started, since: *c.Started}
		}
	}
	return found
}

func (w watch) judge(all []Container, now time.Time) verdict {
	v := verdict{ready: true}
	for i := range all {
		c := &all[i]
		if w.up(c, now) {
			delete(w.bad, c.Name)
			continue
		}
		v.ready = false
		if v.waiting == nil {
			v.waiting = c
		}
		if v.failed == nil {
			v.failed = w.failed(c, now)
		}
	}
	return v
}

func (w watch) up(c *Container, now time.Time) bool {
	switch {
	case c.State == "exited":
		return c.ExitCode != nil && *c.ExitCode == 0 // a service that does one thing and ends
	case !c.running():
		return false
	case c.Health != "":
		return c.Health == "healthy"
	}
	r := w.runs[c.Name]
	if c.Started != nil && !r.started.Equal(*c.Started) {
		r = runs{started: *c.Started, since: now}
		w.runs[c.Name] = r
	}
	return now.Sub(r.since) >= steady
}

// failed returns the container as it last looked in trouble, once there is no hope that it recovers; nil before.
func (w watch) failed(c *Container, now time.Time) *Container {
	seen, before := w.bad[c.Name]
	switch {
	case c.State == notCreated, c.State == "exited" || c.State == "dead":
		return c // with a restart policy it would be "restarting"
	case c.State == "created", c.running() && c.Health != "unhealthy":
	default:
		if !before {
			seen.since = now
		}
		seen.last = *c
		w.bad[c.Name] = seen
		before = true
	}
	if before && now.Sub(seen.since) >= grace {
		return &seen.last
	}
	return nil
}

func (s Stack) explain(ctx context.Context, c Container, after string) error {
	if c.Name == "" {
		return exit.Fixable(exit.Failed, exit.Fix{Type: "mage up", Note: "creates it"}, "%sservice %s has no container", after, c.Service)
	}
	text := fmt.Sprintf("%sservice %s is %s", after, c.Service, c.State)
	if c.ExitCode != nil {
		text += fmt.Sprintf(" (exit code %d)", *c.ExitCode)
	}
	if c.Health != "" {
		text += ", health: " + c.Health
	}
	if c.healthSaid != "" {
		text += ": " + c.healthSaid
	}
	if c.id != "" {
		if logs := s.lastLines(ctx, c.id); logs != "" {
			text += "\nits last log lines:\n" + logs
		}
	}
	return exit.Errorf(exit.Failed, "%s\n\"mage logs -service=%s\" shows more", text, c.Service)
}
