// Package dev has the targets for those who work on IM2 itself. It is apart so that projects which
// import the targets compile no part of it.
package dev

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/im2-audio/im2/internal/cli"
	"github.com/im2-audio/im2/internal/dev/suite"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// Test is what to test, and how.
type Test struct {
	// Lint lints first.
	Lint bool
	// Run is a pattern: only tests with such names.
	Run string
	// Packages are patterns of packages with commas between them: only their tests. Empty is all.
	Packages string
	// Race looks for data races meanwhile, where there is a C compiler.
	Race bool
	// Coverage counts which statements run. Of a run with all tests, too few are an error.
	Coverage bool
	// Cluster also runs the tests of many machines.
	Cluster bool
}

// Do lints, then runs every test of the checkout, and prints what took the longest. What needs
// an engine and finds none says so, and fails under IM2_REQUIRE_DOCKER=1.
func (o Test) Do(ctx context.Context, t cli.Target) error {
	if err := tools.NeedGo(); err != nil {
		return fmt.Errorf("testing: %w", err)
	}
	began := time.Now()
	var spent term.Spent
	if o.Lint {
		if err := lint(ctx, t, &spent); err != nil {
			return err
		}
	}
	// go test keeps what a passing test says to itself, so it is said here.
	_, missing := engine.Find(ctx, engine.Options{Runner: t.Runner, Environ: t.Environ, Home: t.Home})
	if missing != nil {
		t.UI.Note("scenarios that need a Docker engine are left out: %v", missing)
	}
	s := suite.Suite{
		Home: t.Home, Environ: t.Environ, Runner: t.Runner, UI: t.UI, Out: t.UI.Stdout(), Filter: o.Run, Packages: o.Packages, Race: o.Race, Vetted: o.Lint, Coverage: o.Coverage, Cluster: o.Cluster,
	}
	if err := s.CanRace(ctx); o.Race && err != nil {
		t.UI.Note("not looking for data races: %v", err)
		s.Race = false
	}
	t.UI.Note("testing")
	covered, err := s.Run(ctx, &spent)
	if ctx.Err() != nil {
		return err
	}
	spent.Print(t.UI)
	t.UI.Note("all of it took %s: packages and scenarios run side by side", time.Since(began).Round(time.Second))
	if covered != nil {
		covered.Print(t.UI)
	}
	if err != nil || !o.Coverage || o.Run != "" || o.Packages != "" || missing != nil { // the bound is for all tests and all scenarios
		return err
	}
	return covered.Check()
}

// Lint runs the linter over all code, and compiles it for the systems that people have.
func Lint(ctx context.Context, t cli.Target) error { return lint(ctx, t, new(term.Spent)) }

func lint(ctx context.Context, t cli.Target, spent *term.Spent) error {
	if err := tools.NeedGo(); err != nil {
		return fmt.Errorf("linting: %w", err)
	}
	var linter string
	err := spent.Time("build the linter, unless it is there", func() (err error) {
		linter, err = tools.Kit{Home: t.Home, Runner: t.Runner, UI: t.UI}.Build(ctx, tools.Linter)
		return err
	})
	if err != nil {
		return err
	}
	if err := spent.Time("lint", func() error { return quietly(ctx, t, "linting", linter, "run") }); err != nil {
		return err
	}
	for _, system := range []string{"linux", "darwin", "windows"} {
		err := spent.Time("compile for "+system, func() error {
			t := t
			t.Environ = append(slices.Clone(t.Environ), "GOOS="+system, "CGO_ENABLED=0")
			args := []string{"vet", "-tags=mage"}
			if system != "linux" && system != runtime.GOOS { // nobody uses what is compiled, and so it takes three quarters
				args = append(args, "-gcflags=all=-N -l")
			}
			return quietly(ctx, t, "compiling for "+system, "go", append(args, "./...")...)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// quietly runs a command in the checkout that says nothing for minutes: what it says is printed when
// it has ended, and until then there is progress.
func quietly(ctx context.Context, t cli.Target, doing, name string, args ...string) error {
	t.UI.Trace("%s", doing)
	step := t.UI.Step(doing, doing)
	out, err := run.Combined(ctx, t.Runner, run.Cmd{Name: name, Args: args, Dir: t.Home, Env: t.Environ})
	_ = step.End(err)
	t.UI.Text(string(out))
	if err != nil {
		return fmt.Errorf("%s: %w", doing, tools.ExplainGo(err))
	}
	return nil
}
