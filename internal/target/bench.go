package target

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/im2-audio/im2/internal/bench"
	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/image"
	"github.com/im2-audio/im2/internal/project"
)

// Bench are the flags of the target of that name.
type Bench struct {
	// Permissions measures resetting owners and modes, Build building images, Spool handing jobs
	// from service to service.
	Permissions, Build, Spool bool
	// Jobs is how many jobs go through the spool, Workers how many workers each stage has, Waiting
	// how many jobs wait in the longest queue.
	Jobs, Workers, Waiting int
	// Runs is how often each way runs in each case.
	Runs int
	// Files and Folders are the size of the tree whose owners are reset.
	Files, Folders int
	// Wide is how many files one more case has in one folder; 0 leaves it out.
	Wide int
	// Modules is how many modules are built, ModuleFiles how many files each has.
	Modules, ModuleFiles int
	// Dir is where trees and projects are made; "" for the project's .im2.
	Dir string
	// JSON prints the report as JSON.
	JSON bool
}

// Bench measures ours beside what others do.
func (t Target) Bench(ctx context.Context, o Bench) error {
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	b := &bench.Bench{Home: t.Home, Environ: p.Settings.Environ(), Runner: t.Runner, UI: t.UI}
	var base string
	if o.Build { // asked for before anything is measured for minutes
		if base, err = t.benchEngine(ctx, b, p); err != nil {
			return fmt.Errorf("measuring builds: %w; -build=false leaves that part out", err)
		}
	}
	report, err := t.measure(ctx, b, p.Root, base, o)
	if err != nil {
		report.Incomplete = exit.Outermost(err).Error()
	}
	if o.JSON && !report.Empty() {
		if jsonErr := t.UI.JSON(report); err == nil {
			err = jsonErr
		}
	}
	return err
}

// benchEngine finds the engine that builds and the image to build on.
func (t Target) benchEngine(ctx context.Context, b *bench.Bench, p *project.Project) (base string, err error) {
	if b.Engine, err = engine.Find(ctx, engine.Options{Runner: t.Runner, Environ: b.Environ, Home: t.Home}); err != nil {
		return "", err
	}
	return image.Base(ctx, b.Engine, t.UI, p.Settings.Get(project.BaseImage).Value)
}

// measure runs the parts that were asked for and shows the table of each as it ends. What
// was measured before an error is returned with it.
func (t Target) measure(ctx context.Context, b *bench.Bench, root, base string, o Bench) (r bench.Report, err error) {
	if o.Permissions {
		part, err := b.Permissions(ctx, bench.Tree{
			Root: root, Dir: o.Dir, Files: o.Files, Folders: o.Folders, Runs: o.Runs, Wide: o.Wide,
		})
		if len(part.Cases) > 0 {
			r.Permissions = &part
		}
		t.showCases(o, part.Cases, err)
		if err != nil {
			return r, err
		}
	}
	if o.Build {
		part, err := b.Build(ctx, bench.Project{
			Root: root, Dir: o.Dir, Base: base, Modules: o.Modules, ModuleFiles: o.ModuleFiles, Runs: o.Runs,
		})
		if len(part.Cases) > 0 {
			r.Build = &part
		}
		t.showCases(o, part.Cases, err)
		t.showDigest(o, part)
		if err != nil {
			return r, err
		}
	}
	if o.Spool {
		part, err := b.Spool(ctx, bench.Jobs{Root: root, Dir: o.Dir, Jobs: o.Jobs, Workers: o.Workers, Waiting: o.waiting()})
		if err != nil {
			return r, err
		}
		r.Spool = &part
		if !o.JSON {
			t.UI.Table(part.Table())
		}
	}
	return r, nil
}

// waiting are the lengths of the queue that are measured: 100 and ten times more each time, up to
// the longest.
func (o Bench) waiting() []int {
	var lengths []int
	for n := 100; n < o.Waiting; n *= 10 {
		lengths = append(lengths, n)
	}
	return append(lengths, o.Waiting)
}

// showCases prints the cases of one part, which may have ended with an error.
func (t Target) showCases(o Bench, cases []bench.Case, err error) {
	if len(cases) == 0 {
		return
	}
	if err != nil {
		t.UI.Note("incomplete: the cases that were measured before the end")
	}
	if !o.JSON {
		t.UI.Table(bench.Rows(cases))
	}
}

// showDigest says how long ours looked at the files, where that is known.
func (t Target) showDigest(o Bench, part bench.Build) {
	if part.DigestSeconds > 0 && !o.JSON {
		t.UI.Result("looking at %d unchanged files: %.3f s of \"mage build\"", part.DigestFiles, part.DigestSeconds)
	}
}

// check refuses what cannot be measured.
func (o Bench) check() error {
	switch {
	case !o.Permissions && !o.Build && !o.Spool:
		return exit.Errorf(exit.Unusable, "nothing to measure: -permissions=false, -build=false and -spool=false leave no part")
	case o.Spool && (o.Jobs < 1 || o.Workers < 1 || o.Waiting < 1):
		return exit.Errorf(exit.Unusable, "-jobs=%d -workers=%d -waiting=%d: at least one of each is needed", o.Jobs, o.Workers, o.Waiting)
	case o.Spool && runtime.GOOS == "windows":
		return exit.Errorf(exit.Unusable, "measuring the spool: only Linux and macOS are measured; -spool=false leaves that part out")
	case o.Runs < 1:
		return exit.Errorf(exit.Unusable, "-runs=%d: at least one run is needed", o.Runs)
	case o.Build && (o.Modules < 1 || o.ModuleFiles < 1):
		return exit.Errorf(exit.Unusable, "-modules=%d -moduleFiles=%d: at least one module and one file are needed", o.Modules, o.ModuleFiles)
	case o.Build && runtime.GOOS == "windows":
		return exit.Errorf(exit.Unusable, "measuring builds: only Linux and macOS are measured; -build=false leaves that part out")
	case o.Permissions:
		return o.checkPermissions()
	}
	return nil
}

func (o Bench) checkPermissions() error {
	switch {
	case o.Files < 1 || o.Folders < 1 || o.Wide < 0:
		return exit.Errorf(exit.Unusable, "-files=%d -folders=%d -wide=%d: at least one file and folder are needed", o.Files, o.Folders, o.Wide)
	case runtime.GOOS != "linux":
		return exit.Errorf(exit.Unusable, "measuring how owners are set: only Linux is measured; the services' files are Linux's, too; \"mage bench -permissions=false\" measures builds alone")
	case os.Geteuid() != 0:
		return exit.Errorf(exit.Unusable, "measuring how owners are set: it gives files to others, which only root may; \"sudo env PATH=$PATH mage bench\", or \"mage bench -permissions=false\" for builds alone")
	}
	return nil
}
