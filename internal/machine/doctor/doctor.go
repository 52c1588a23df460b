// Package doctor looks whether this machine can do what the project needs, by doing it in
// small: a container runs, an image is built and loaded, a file changes hands. Each check has
// the command that fixes what it finds.
//
// The checks run side by side, each with a limit of its own, so that an engine or a file
// system that hangs is one line of the report and not its end. One that needs what another
// one found to be missing is left out and says so. Everything that is made for it in the
// engine or in a folder has the name of the run in its own, and is removed at the end, after
// an interrupt, too.
package doctor

import (
	"context"
	"crypto/rand"
	"strings"
	"sync/atomic"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// Doctor looks at one project on this machine.
type Doctor struct {
	// Root is the project's folder, Home that of the IM2 checkout.
	Root, Home string
	// Environ is the process environment.
	Environ []string
	// Runner runs the commands.
	Runner run.Runner
	// UI is told what goes on.
	UI *term.UI

	run   string      // names what this run makes
	makes atomic.Bool // whether something may have been made in the engine
}

// Run does the checks of these names, and those that they need; none means all. The report
// has them in a stable order, with a check that was only needed where it failed. The error
// is exit.Unusable for a name that no check has, or that of ctx; what was found is in the
// Report.
func (d *Doctor) Run(ctx context.Context, names []string) (Report, error) {
	start := time.Now()
	all := checks
	if err := known(all, names); err != nil {
		return Report{}, err
	}
	d.run = strings.ToLower(rand.Text()[:10])
	chosen := closure(all, names)
	s := newSchedule(chosen)
	progress := d.UI.Progress("checking", int64(len(chosen)), term.Percent)
	defer progress.Done()
	ended := endOf(ctx)
	s.run(ctx, d, progress.Set)
	if s.facts.engine != nil && d.makes.Load() {
		d.sweep(ctx, s.facts.engine, s.clean(), ended)
	}
	if ctx.Err() != nil {
		return Report{}, ctx.Err()
	}
	r := Report{Root: d.Root, Checks: s.findings(names)}
	r.count()
	r.Seconds = seconds(time.Since(start))
	return r, nil
}

func (d *Doctor) options(f *facts) engine.Options {
	environ := d.Environ
	if f.project != nil {
		environ = f.project.Settings.Environ()
	}
	return engine.Options{Runner: d.Runner, Environ: environ, Home: d.Home}
}

// The names of what a run makes in the engine.
const (
	// label is the label of doctor's containers and images; its value is the run.
	label = "im2.doctor"
	// Repository is the image with our program, built the one that is built to see whether
	// that works.
	Repository = "im2/doctor"
	built      = "im2/doctor-build"
)

func (d *Doctor) image() string                { return Repository + ":" + d.run }
func (d *Doctor) builtImage() string           { return built + ":" + d.run }
func (d *Doctor) container(what string) string { return "im2-doctor-" + d.run + "-" + what }
