// Package target is what each Mage target does: it opens the project and the engine and
// joins the packages that do the work. The files here are named as those in magefiles/.
package target

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/stack"
	"github.com/im2-audio/im2/internal/term"
)

// Target is one run of one target, or of several in a row.
type Target struct {
	// Home is the folder of the IM2 checkout: it has tools/go.mod.
	Home string
	// Root is the folder of the project that is worked on.
	Root string
	// Environ is the process environment.
	Environ []string
	// Runner starts processes.
	Runner run.Runner
	// UI is where the target speaks.
	UI *term.UI
}

// Run runs do for the project in the working folder. home is the folder of the IM2
// checkout. SIGTERM and SIGHUP end the context as SIGINT does already (Mage handles only
// that one), and the error carries the exit code as its outermost one.
func Run(ctx context.Context, home string, do func(context.Context, Target) error) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if os.Getenv("MAGEFILE_GOCMD") != "" { // set by the mage command for what it runs
		var lost context.CancelFunc
		ctx, lost = context.WithCancel(ctx)
		defer lost()
		go watchParent(ctx, os.Getppid(), lost)
	}
	root, err := os.Getwd()
	if err == nil {
		home, err = filepath.Abs(home)
	}
	if err != nil {
		return exit.Outermost(exit.Errorf(exit.Unusable, "finding the project's folder: %w", err))
	}
	return exit.Outermost(do(ctx, Target{
		Home: home, Root: root, Environ: os.Environ(), Runner: run.Local{},
		UI: term.New(os.Stdout, os.Stderr, os.Getenv),
	}))
}

// watchParent calls lost when this process has another parent. The mage command does not
// pass SIGTERM on: it ends, and what it ran would go on with nobody to see it.
func watchParent(ctx context.Context, parent int, lost func()) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if os.Getppid() != parent {
				lost()
				return
			}
		}
	}
}

// project opens the project alone.
func (t Target) project(ctx context.Context) (*project.Project, error) {
	return project.Open(ctx, t.Root, t.Environ)
}

// docker opens the project and finds the docker command. Whether an engine answers shows when
// it is asked something.
func (t Target) docker(ctx context.Context) (*project.Project, *engine.Client, error) {
	p, err := t.project(ctx)
	if err != nil {
		return nil, nil, err
	}
	c, err := engine.Open(t.engine(p.Settings.Environ()))
	return p, c, err
}

// engine says how an engine is found.
func (t Target) engine(environ []string) engine.Options {
	return engine.Options{Runner: t.Runner, Environ: environ, Home: t.Home}
}

// stack opens the project's services.
func (t Target) stack(ctx context.Context) (stack.Stack, error) {
	p, c, err := t.docker(ctx)
	return stack.Stack{Project: p, Client: c, UI: t.UI}, err
}
