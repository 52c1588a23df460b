package target

import (
	"context"
	"fmt"
	"os"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/internal/tools"
)

// Test lints, then runs every test of the checkout; what needs an engine and finds none
// says so, and fails under IM2_REQUIRE_DOCKER=1. filter is go test's -run.
func (t Target) Test(ctx context.Context, lint bool, filter string) error {
	if err := tools.NeedGo(); err != nil {
		return fmt.Errorf("testing: %w", err)
	}
	if lint {
		if err := t.Lint(ctx); err != nil {
			return err
		}
	}
	// go test keeps what a passing test says to itself, so it is said here.
	if _, err := engine.Find(ctx, t.engine(t.Environ)); err != nil {
		t.UI.Note("scenarios that need a Docker engine are left out: %v", err)
	}
	args := []string{"test", "-shuffle=on", "-timeout=45m"}
	if filter != "" {
		args = append(args, "-run", filter)
	}
	return t.inHome(ctx, "testing", "go", append(args, "./...")...)
}

// Lint runs the linter over all code, and compiles it for the systems that people have.
func (t Target) Lint(ctx context.Context) error {
	if err := tools.NeedGo(); err != nil {
		return fmt.Errorf("linting: %w", err)
	}
	linter, err := tools.Kit{Home: t.Home, Runner: t.Runner, UI: t.UI}.Build(ctx, tools.Linter())
	if err != nil {
		return err
	}
	if err := t.quietly(ctx, "linting", linter, "run"); err != nil {
		return err
	}
	for _, system := range []string{"darwin", "windows"} {
		if err := t.with("GOOS="+system, "CGO_ENABLED=0").quietly(ctx, "compiling for "+system, "go", "vet", "-tags=mage", "./..."); err != nil {
			return err
		}
	}
	return nil
}

// with returns the target with more variables in its environment.
func (t Target) with(entries ...string) Target {
	t.Environ = append(append([]string{}, t.Environ...), entries...)
	return t
}

// inHome runs a command in the checkout whose output is the result.
func (t Target) inHome(ctx context.Context, doing, name string, args ...string) error {
	t.UI.Note("%s", doing)
	err := t.Runner.Run(ctx, run.Cmd{
		Name: name, Args: args, Dir: t.Home, Env: t.Environ, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, tools.ExplainGo(err))
	}
	return nil
}

// quietly is inHome for a command that says nothing for minutes: what it says is printed when it
// has ended, and until then there is progress.
func (t Target) quietly(ctx context.Context, doing, name string, args ...string) error {
	t.UI.Note("%s", doing)
	progress := t.UI.Progress(doing, 0, term.Seconds)
	out, err := run.Combined(ctx, t.Runner, run.Cmd{Name: name, Args: args, Dir: t.Home, Env: t.Environ})
	progress.Done()
	t.UI.Text(string(out))
	if err != nil {
		return fmt.Errorf("%s: %w", doing, tools.ExplainGo(err))
	}
	return nil
}
