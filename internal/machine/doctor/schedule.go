package doctor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// check is one question.
type check struct {
	name, group string
	// about says what is tried, for the list of checks.
	about string
	// needs are the checks without which this one makes no sense.
	needs []string
	// after are checks whose facts it uses where there are any.
	after []string
	// limit is how long it may take.
	limit time.Duration
	// hung is what fixes it where nothing comes back within the limit.
	hung string
	// look does it. It must not change facts; what it found is learnt from its answer, which
	// one that comes too late is not.
	look func(ctx context.Context, d *Doctor, f *facts) answer
}

func (c check) before() []string { return slices.Concat(c.needs, c.after) }

// stopWithin is the patience with checks: as long as package run gives a command to stop. Then nobody waits for it any more; a system call on a
// file system that hangs cannot be ended.
const stopWithin = 3500 * time.Millisecond

// schedule is one run of checks.
type schedule struct {
	checks []check
	tasks  map[string]*task
	facts  *facts
	done   atomic.Int64
	// patience is how long a check may take to stop after its limit.
	patience time.Duration
}

// task is one check on its way. Its finding is complete when over is closed.
type task struct {
	finding Finding
	over    chan struct{}
}

func newSchedule(checks []check) *schedule {
	s := &schedule{checks: checks, tasks: make(map[string]*task), facts: &facts{}, patience: stopWithin}
	for _, c := range checks {
		s.tasks[c.name] = &task{finding: Finding{Group: c.group, Check: c.name}, over: make(chan struct{})}
	}
	return s
}

// run does all checks, each as soon as those before it are done, and reports how many are done.
func (s *schedule) run(ctx context.Context, d *Doctor, tell func(done int64)) {
	var all sync.WaitGroup
	for _, c := range s.checks {
		all.Go(func() {
			t := s.tasks[c.name]
			defer func() {
				close(t.over)
				tell(s.done.Add(1))
			}()
			for _, name := range c.before() {
				if before, ok := s.tasks[name]; ok {
					<-before.over
				}
			}
			if because := s.missing(c); because != "" {
				t.finding.Result, t.finding.Because = Skip, because
				t.finding.Detail = "not tried, because of " + because
				return
			}
			start := time.Now()
			a := s.within(ctx, d, c)
			t.finding.Seconds = seconds(time.Since(start))
			t.finding.Result, t.finding.Detail, t.finding.More, t.finding.Fix = a.level, a.detail, a.more, a.fix
			if a.learn != nil {
				a.learn(s.facts) // a field of its own, which others read when this is over
			}
		})
	}
	all.Wait()
}

// missing returns the failed check that this one needs; "" for none. For a needed check that was skipped, it is
// what that one was skipped for.
func (s *schedule) missing(c check) string {
	for _, name := range c.needs {
		t, ok := s.tasks[name]
		switch {
		case !ok:
		case t.finding.Result == Skip:
			return t.finding.Because
		case t.finding.Result == Fail:
			return name
		}
	}
	return ""
}

func (s *schedule) within(ctx context.Context, d *Doctor, c check) answer {
	limited, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	answers := make(chan answer, 1)
	go func() { answers <- c.look(limited, d, s.facts) }()
	var a answer
	select {
	case a = <-answers:
	case <-limited.Done():
		select {
		case a = <-answers: // it may have been about to say more than that it took too long
		case <-time.After(s.patience):
		}
	}
	if errors.Is(limited.Err(), context.DeadlineExceeded) && a.level != OK {
		return failed(c.hung, "no answer within %s", c.limit)
	}
	return a
}

// findings returns those of the checks that were asked for (none means all), and of those that were the reason
// to skip one of them.
func (s *schedule) findings(names []string) []Finding {
	shown := slices.Clone(names)
	for _, name := range names {
		if because := s.tasks[name].finding.Because; because != "" {
			shown = append(shown, because)
		}
	}
	all := []Finding{}
	for _, c := range s.checks {
		if len(names) == 0 || slices.Contains(shown, c.name) {
			all = append(all, s.tasks[c.name].finding)
		}
	}
	return all
}

func (s *schedule) clean() bool {
	for _, t := range s.tasks {
		if t.finding.Result == Fail || t.finding.Result == "" {
			return false
		}
	}
	return true
}
