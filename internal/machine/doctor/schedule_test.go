package doctor

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// says is a check that gives an answer at once.
func says(a answer) func(context.Context, *Doctor, *facts) answer {
	return func(context.Context, *Doctor, *facts) answer { return a }
}

// levels are what came of checks, in a line.
func levels(all []Finding) string {
	var texts []string
	for _, f := range all {
		text := f.Check + " " + string(f.Result)
		if f.Because != "" {
			text += " " + f.Because
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func TestWhatNeedsAFailedCheckIsSkippedForIt(t *testing.T) {
	t.Parallel()
	s := newSchedule([]check{
		{name: "a", limit: time.Minute, look: says(failed("fix a", "no"))},
		{name: "b", needs: []string{"a"}, limit: time.Minute, look: says(ok("yes"))},
		{name: "c", needs: []string{"d", "b"}, limit: time.Minute, look: says(ok("yes"))},
		{name: "d", limit: time.Minute, look: says(warned("fix d", "perhaps"))},
		{name: "e", after: []string{"a", "not there"}, needs: []string{"d"}, limit: time.Minute, look: says(ok("yes"))},
	})
	var told atomic.Int64
	s.run(t.Context(), &Doctor{}, func(done int64) { told.Store(max(told.Load(), done)) })
	if got, want := levels(s.findings(nil)), "a fail, b skip a, c skip a, d warn, e ok"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := levels(s.findings([]string{"c", "e"})), "a fail, c skip a, e ok"; got != want {
		t.Errorf("of two: got %s, want %s", got, want)
	}
	if told.Load() != 5 {
		t.Errorf("told of %d", told.Load())
	}
	r := Report{Checks: s.findings(nil)}
	if r.count(); r.Result != Fail || r.Failures != 1 || r.Warnings != 1 || r.Skipped != 2 {
		t.Errorf("%+v", r)
	}
}

// Checks that do not know of each other run at the same time, and one that comes later knows
// what the earlier one found.
func TestChecksRunSideBySide(t *testing.T) {
	t.Parallel()
	left, right := make(chan bool), make(chan bool)
	s := newSchedule([]check{
		{name: "left", limit: time.Minute, look: func(context.Context, *Doctor, *facts) answer {
			left <- true
			<-right
			return ok("met").learning(func(f *facts) { f.driver = "learnt" })
		}},
		{name: "right", limit: time.Minute, look: func(context.Context, *Doctor, *facts) answer { <-left; right <- true; return ok("met") }},
		{name: "later", needs: []string{"left"}, limit: time.Minute, look: func(_ context.Context, _ *Doctor, f *facts) answer { return ok("%s", f.driver) }},
	})
	s.run(t.Context(), &Doctor{}, func(int64) {})
	if got := s.findings(nil); got[2].Detail != "learnt" || got[0].Result != OK {
		t.Errorf("%+v", got)
	}
}

func TestWhatHangsIsAFailure(t *testing.T) {
	t.Parallel()
	forever := make(chan bool)
	defer close(forever)
	s := newSchedule([]check{
		{name: "stops", limit: time.Millisecond, hung: "fix it", look: func(ctx context.Context, _ *Doctor, _ *facts) answer {
			<-ctx.Done()
			return failed("another cure", "interrupted")
		}},
		{name: "hangs", limit: time.Millisecond, hung: "fix it", look: func(context.Context, *Doctor, *facts) answer {
			<-forever
			return ok("too late").learning(func(f *facts) { f.driver = "too late" })
		}},
		{name: "needs", needs: []string{"hangs"}, limit: time.Minute, look: says(ok("yes"))},
		{name: "late", limit: time.Millisecond, look: func(ctx context.Context, _ *Doctor, _ *facts) answer { <-ctx.Done(); return ok("done") }},
	})
	s.patience = 50 * time.Millisecond
	s.run(t.Context(), &Doctor{}, func(int64) {})
	got := s.findings(nil)
	if want := "stops fail, hangs fail, needs skip hangs, late ok"; levels(got) != want {
		t.Errorf("got %s, want %s", levels(got), want)
	}
	for _, f := range got[:2] {
		if f.Fix != "fix it" || f.Detail != "no answer within 1ms" {
			t.Errorf("%+v", f)
		}
	}
	if s.facts.driver != "" {
		t.Error("learnt from what nobody waited for")
	}
}

func TestAnInterruptEndsAllChecks(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newSchedule([]check{{name: "a", limit: time.Hour, look: func(ctx context.Context, _ *Doctor, _ *facts) answer {
		cancel()
		<-ctx.Done()
		return failed("", "interrupted")
	}}})
	start := time.Now()
	s.run(ctx, &Doctor{}, func(int64) {})
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
	if got := s.findings(nil)[0].Detail; strings.Contains(got, "no answer") {
		t.Errorf("an interrupt is taken for a hang: %s", got)
	}
}

func TestClosureHasAllThatComesBefore(t *testing.T) {
	t.Parallel()
	all := []check{{name: "a"}, {name: "b", needs: []string{"a"}}, {name: "c", after: []string{"b"}}, {name: "d"}}
	for want, names := range map[string][]string{"a": {"a"}, "a b c": {"c"}, "a b d": {"d", "b"}, "a b c d": nil} {
		if got := strings.Join(namesOf(closure(all, names)), " "); got != want {
			t.Errorf("%q: got %s, want %s", names, got, want)
		}
	}
}

// A check that waits for a later one would be shown before what it is about; one that waits
// for none of the list would wait for nothing.
func TestChecksWaitOnlyForOthersOfTheList(t *testing.T) {
	t.Parallel()
	names := Names()
	for _, c := range checks {
		for _, before := range c.before() {
			if !slices.Contains(names, before) || before == c.name {
				t.Errorf("%s waits for %q", c.name, before)
			}
		}
		for _, needed := range c.needs {
			if len(closure(checks, []string{needed})) >= len(closure(checks, []string{c.name})) {
				t.Errorf("%s and %s need each other", c.name, needed)
			}
		}
		if c.about == "" || c.group == "" || c.limit == 0 || c.look == nil || (c.hung == "" && c.name != baseCheck) {
			t.Errorf("%s lacks something: %+v", c.name, c)
		}
	}
}
