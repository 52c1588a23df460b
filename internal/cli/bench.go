package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/dev/bench"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// Bench are the flags of the target of that name.
type Bench struct {
	// Only are the parts to measure, with commas between them; "" for all.
	Only string
	// Seconds is how long the song plays that is separated in each way, Lengths how long those do
	// that show the worker's memory, with commas between them.
	Seconds int
	Lengths string
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
	parts, err := o.parts()
	if err == nil {
		err = o.check(parts)
	}
	if err != nil {
		return err
	}
	b := &bench.Bench{Home: t.Home, Environ: p.Settings.Environ(), Runner: t.Runner, UI: t.UI}
	var base string
	if parts[buildPart] { // asked for before anything is measured for minutes
		if base, err = t.benchEngine(ctx, b, p); err != nil {
			return fmt.Errorf("measuring builds: %w; %s leaves that part out", err, parts.without(buildPart))
		}
	}
	var song bench.Song
	if parts[enginePart] {
		if song, err = t.benchSong(ctx, b, p, o); err != nil {
			return fmt.Errorf("measuring the engine: %w; %s leaves that part out", err, parts.without(enginePart))
		}
	}
	report, err := t.measure(ctx, b, p.Root, base, song, parts, o)
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
	if b.Engine, err = engine.Find(ctx, t.engine(b.Environ)); err != nil {
		return "", err
	}
	return image.Base(ctx, b.Engine, t.UI, p.Settings.Get(project.BaseImage).Value)
}

// measure runs the parts that were asked for and shows the table of each as it ends. What
// was measured before an error is returned with it.
func (t Target) measure(ctx context.Context, b *bench.Bench, root, base string, song bench.Song, parts benchParts, o Bench) (r bench.Report, err error) {
	if parts[permissionsPart] {
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
	if parts[buildPart] {
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
	if parts[spoolPart] {
		part, err := b.Spool(ctx, bench.Jobs{Root: root, Dir: o.Dir, Jobs: o.Jobs, Workers: o.Workers, Waiting: o.waiting()})
		if err != nil {
			return r, err
		}
		r.Spool = &part
		if !o.JSON {
			t.UI.Table(part.Table())
		}
	}
	if parts[enginePart] {
		part, err := b.Separation(ctx, song)
		if len(part.Cases) > 0 {
			r.Engine = &part
		}
		t.showCases(o, part.Cases, err)
		t.showSeparation(o, part)
		if err != nil {
			return r, err
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

// showSeparation prints what else is known of how songs were separated.
func (t Target) showSeparation(o Bench, part bench.Separation) {
	if len(part.Ways) == 0 || o.JSON {
		return
	}
	t.UI.Table(part.Table())
	t.UI.Result("the limit: one thread of ONNX Runtime multiplies matrices at %.1f GFLOP in a second of processor time; %d processors, %s",
		part.Limit, part.Machine.CPUs, cmp.Or(part.Machine.Processor, "of an unknown name"))
	if len(part.Lengths) > 0 {
		t.UI.Table(part.LengthsTable())
	}
}

// showDigest says how long ours looked at the files, where that is known.
func (t Target) showDigest(o Bench, part bench.Build) {
	if part.DigestSeconds > 0 && !o.JSON {
		t.UI.Result("looking at %d unchanged files: %.3f s of \"mage build\"", part.DigestFiles, part.DigestSeconds)
	}
}
