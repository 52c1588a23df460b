// Package cli is what each Mage target does: it opens the project and the engine and
// joins the packages that do the work.
package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// Target is one run of one target, or of several in a row.
type Target struct {
	// Home is the folder of the magefile: its .im2 has tools and caches, and its Go module builds
	// the helpers.
	Home string
	// Root is the folder of the project that is worked on. It is Home, but for "mage -w OTHER".
	Root string
	// From is the folder that the user is in: Root, or with im2 one below it.
	From string
	// Environ is the process environment.
	Environ []string
	// Runner starts processes.
	Runner run.Runner
	// UI is where the target speaks.
	UI *term.UI
}

// Run runs do for the project in the working folder. SIGTERM and SIGHUP end the context as SIGINT
// does already (Mage handles only that one), and the error carries the exit code as its outermost
// one.
func Run(ctx context.Context, do func(context.Context, Target) error) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if os.Getenv("MAGEFILE_GOCMD") != "" && !exit.IsIM2() { // set by the mage command for what it runs
		var lost context.CancelFunc
		ctx, lost = context.WithCancel(ctx)
		defer lost()
		go watchParent(ctx, os.Getppid(), lost)
	}
	defer context.AfterFunc(ctx, endSoon)()
	from, err := os.Getwd()
	if err != nil {
		return exit.Outermost(exit.Errorf(exit.Unusable, "finding the project's folder: %w", err))
	}
	t := Target{Home: from, Root: from, From: from, Runner: run.Local{}, UI: term.New(os.Stdout, os.Stderr, os.Getenv)}
	if exit.IsIM2() {
		err = t.enterProject()
	} else {
		t.Home = home(from)
	}
	if err != nil {
		return exit.Outermost(err)
	}
	t.Environ = os.Environ()
	return exit.Outermost(do(ctx, t))
}

// patience is how long a target may take to end after an interrupt.
const patience = 9 * time.Second

// endSoon ends the process where a target does not end itself: reading a FIFO or a server that hangs cannot be interrupted.
func endSoon() {
	time.Sleep(patience)
	fmt.Fprintf(os.Stderr, "Error: interrupted, but not done within %s; ended\n", patience)
	os.Exit(int(exit.Interrupted)) //nolint:forbidigo // nothing else ends it
}

// enterProject makes the project's folder the working folder, as Mage does before it starts targets.
func (t *Target) enterProject() error {
	t.Root = project.Find(t.From, os.Environ())
	t.Home = t.Root
	if t.Root == t.From {
		return nil
	}
	err := os.Chdir(t.Root)
	if err == nil {
		err = os.Setenv("PWD", t.Root) // what Compose and others read
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "entering the project's folder: %w", err)
	}
	return nil
}

// home is the folder of the magefile: of the source of package main, from which the target was
// called. It is root where that is not known: the targets were compiled with -trimpath, or are not
// on the machine on which they were compiled.
func home(root string) string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if !strings.HasPrefix(frame.Function, "main.") || !filepath.IsAbs(frame.File) {
			continue
		}
		folder := filepath.Dir(frame.File)
		if filepath.Base(folder) == "magefiles" {
			folder = filepath.Dir(folder)
		}
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			return folder
		}
	}
	return root
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

// project opens the project alone, and says what in its settings nothing reads.
func (t Target) project(ctx context.Context) (*project.Project, error) {
	p, err := project.Open(ctx, t.Root, t.Environ)
	if err != nil {
		return nil, err
	}
	for _, typo := range typos(p) {
		t.UI.Note("%s", typo)
	}
	return p, nil
}

// dataProject opens a project with a data folder.
func (t Target) dataProject(ctx context.Context) (*project.Project, error) {
	p, err := t.project(ctx)
	if err == nil && p.Data == "" {
		err = exit.Errorf(exit.Unusable, "%s has no data folder: name one in its Compose file, \"x-im2: {data: ./FOLDER}\"", p.Root)
	}
	return p, err
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
