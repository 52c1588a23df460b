package stack

import (
	"testing"
	"time"
)

// look is one look at a container, so many seconds after the first.
type look struct {
	at int
	c  Container
}

func TestJudge(t *testing.T) {
	t.Parallel()
	code := func(n int) *int { return &n }
	began := func(n int) *time.Time { at := time.Unix(int64(n), 0); return &at }
	running := func(health string, started int) Container {
		return Container{Name: "x", State: "running", Health: health, Started: began(started)}
	}
	restarting := Container{Name: "x", State: "restarting", ExitCode: code(1)}
	cases := []struct {
		name  string
		looks []look
		ready bool
		fails bool
	}{
		{"healthy at once", []look{{0, running("healthy", 1)}}, true, false},
		{"starting", []look{{0, running("starting", 1)}, {60, running("starting", 1)}}, false, false},
		{"unhealthy for a moment", []look{{0, running("unhealthy", 1)}, {5, running("healthy", 1)}}, true, false},
		{"unhealthy for long", []look{{0, running("unhealthy", 1)}, {11, running("unhealthy", 1)}}, false, true},
		{"no check, just started", []look{{0, running("", 1)}}, false, false},
		{"no check, steady", []look{{0, running("", 1)}, {3, running("", 1)}}, true, false},
		{"dies and is restarted", []look{{0, running("", 1)}, {1, restarting}, {2, running("", 2)}, {4, restarting}, {6, running("", 6)}, {12, running("", 12)}}, false, true},
		{"restarted once, then steady", []look{{0, restarting}, {1, running("", 1)}, {5, running("", 1)}}, true, false},
		{"did its work and ended", []look{{0, Container{Name: "x", State: "exited", ExitCode: code(0)}}}, true, false},
		{"ended with an error", []look{{0, Container{Name: "x", State: "exited", ExitCode: code(3)}}}, false, true},
		{"not yet started", []look{{0, Container{Name: "x", State: "created"}}}, false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := watch{bad: make(map[string]trouble), runs: make(map[string]runs)}
			var v verdict
			for _, l := range c.looks {
				v = w.judge([]Container{l.c}, time.Unix(1000+int64(l.at), 0))
			}
			if v.ready != c.ready || (v.failed != nil) != c.fails {
				t.Errorf("ready %v, failed %v", v.ready, v.failed)
			}
			if v.failed != nil && v.failed.State == "running" && v.failed.Health != "unhealthy" {
				t.Errorf("what failed is said to be well: %+v", *v.failed)
			}
		})
	}
}

func TestARunThatLastedNeedsNoSecondProof(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	at := func(seconds int) *time.Time { began := now.Add(-time.Duration(seconds) * time.Second); return &began }
	for name, c := range map[string]struct {
		before, after Container
		up            bool
	}{
		"the same run":    {Container{Name: "x", State: "running", Started: at(60)}, Container{Name: "x", State: "running", Started: at(60)}, true},
		"another run":     {Container{Name: "x", State: "running", Started: at(60)}, Container{Name: "x", State: "running", Started: at(0)}, false},
		"a short run":     {Container{Name: "x", State: "running", Started: at(5)}, Container{Name: "x", State: "running", Started: at(5)}, false},
		"it did not run":  {Container{Name: "x", State: "exited", Started: at(60)}, Container{Name: "x", State: "running", Started: at(0)}, false},
		"another's run":   {Container{Name: "y", State: "running", Started: at(60)}, Container{Name: "x", State: "running", Started: at(60)}, false},
		"it never began":  {Container{Name: "x", State: "created"}, Container{Name: "x", State: "running", Started: at(0)}, false},
		"still unhealthy": {Container{Name: "x", State: "running", Started: at(60)}, Container{Name: "x", State: "running", Health: "unhealthy", Started: at(60)}, false},
	} {
		w := watch{bad: make(map[string]trouble), runs: lasting([]Container{c.before}, now)}
		if got := w.judge([]Container{c.after}, now).ready; got != c.up {
			t.Errorf("%s: ready is %v", name, got)
		}
	}
}
