package cli

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/dev/bench"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/term/closest"
	"github.com/im2-audio/im2/pipeline/model"
)

// Bench are the flags of the target of that name.
type Bench struct {
	// Only are the parts to measure, with commas between them; "" for all.
	Only string
	// Seconds is how long the song plays that is separated in each way.
	Seconds int
	// Jobs is how many jobs go through the spool, Workers how many workers each stage has, Waiting
	// how many jobs wait in the longest queue.
	Jobs, Workers, Waiting int
	// Runs is how often each way runs in each case.
	Runs int
	// Files and Folders are the size of the tree whose owners are reset.
	Files, Folders int
	// Modules is how many modules are built, ModuleFiles how many files each has.
	Modules, ModuleFiles int
	// Dir is where trees and projects are made; "" for the project's .im2.
	Dir string
	// JSON prints the report as JSON.
	JSON bool
}

// The parts of the bench, in the order in which they are measured.
const (
	permissionsPart = "permissions"
	buildPart       = "build"
	spoolPart       = "spool"
	enginePart      = "engine"
)

var benchParts = []string{permissionsPart, buildPart, spoolPart, enginePart}

const (
	// longestSong is what a WAV file holds, longestReference what the npm package's command can
	// separate with 8 GB of memory.
	longestSong, longestReference = 6 * 60 * 60, 600
)

// Bench measures ours beside what others do.
func (t Target) Bench(ctx context.Context, o Bench) error {
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	parts, err := o.parts()
	if err != nil {
		return err
	}
	b := &bench.Bench{Home: t.Home, Root: p.Root, Dir: o.Dir, Runs: o.Runs, Environ: p.Settings.Environ(), Runner: t.Runner, UI: t.UI}
	var base string
	var song bench.Song
	for _, part := range parts { // asked for before anything is measured for minutes
		switch part {
		case buildPart:
			base, err = t.benchEngine(ctx, b, p)
		case enginePart:
			song, err = t.benchSong(ctx, b, p, o)
		}
		if err != nil {
			return fmt.Errorf("measuring part %q: %w; %s leaves that part out", part, err, without(parts, part))
		}
	}
	var report bench.Report
	for _, part := range parts {
		if err = t.measure(ctx, b, o, part, base, song, &report); err != nil {
			report.Incomplete = exit.Outermost(err).Error()
			break
		}
	}
	if o.JSON && report != (bench.Report{Incomplete: report.Incomplete}) {
		if jsonErr := t.UI.JSON(report); err == nil {
			err = jsonErr
		}
	}
	return err
}

// measure measures one part and shows its table. What was measured before an error is shown, too.
func (t Target) measure(ctx context.Context, b *bench.Bench, o Bench, part, base string, song bench.Song, r *bench.Report) error {
	var cases []bench.Case
	var err error
	switch part {
	case permissionsPart:
		var done bench.Permissions
		done, err = b.Permissions(ctx, o.Files, o.Folders)
		cases, r.Permissions = done.Cases, unlessEmpty(&done, done.Cases)
	case buildPart:
		var done bench.Build
		done, err = b.Build(ctx, base, o.Modules, o.ModuleFiles)
		cases, r.Build = done.Cases, unlessEmpty(&done, done.Cases)
	case enginePart:
		var done bench.Separation
		done, err = b.Separation(ctx, song)
		cases, r.Engine = done.Cases, unlessEmpty(&done, done.Cases)
	case spoolPart:
		done, err := b.Spool(ctx, o.Jobs, o.Workers, o.Waiting)
		if err != nil {
			return err
		}
		if r.Spool = &done; !o.JSON {
			t.UI.Table(done.Table())
		}
	}
	if err != nil && len(cases) > 0 {
		t.UI.Note("incomplete: only the cases before the end were measured")
	}
	if !o.JSON && len(cases) > 0 {
		t.UI.Table(bench.Rows(cases))
	}
	return err
}

func unlessEmpty[T any](part *T, cases []bench.Case) *T {
	if len(cases) == 0 {
		return nil
	}
	return part
}

// benchEngine finds the engine that builds and the image to build on.
func (t Target) benchEngine(ctx context.Context, b *bench.Bench, p *project.Project) (base string, err error) {
	if b.Engine, err = engine.Find(ctx, t.engine(b.Environ)); err != nil {
		return "", err
	}
	return image.Base(ctx, b.Engine, t.UI, p.Settings.Get(project.BaseImage).Value)
}

// without is the flag that leaves one of the parts out.
func without(parts []string, part string) string {
	others := func(parts []string) []string {
		return slices.DeleteFunc(slices.Clone(parts), func(name string) bool { return name == part })
	}
	rest := others(parts)
	if len(rest) == 0 {
		rest = others(benchParts)
	}
	return "-only=" + strings.Join(rest, ",")
}

// parts returns the parts that are measured, in order, and refuses what cannot be.
func (o Bench) parts() ([]string, error) {
	asked := benchParts
	if o.Only != "" {
		asked = strings.Split(strings.ReplaceAll(o.Only, " ", ""), ",")
	}
	for _, name := range asked {
		if !slices.Contains(benchParts, name) {
			return nil, exit.Errorf(exit.Unusable, "-only=%s: there is no part %q; the parts are %s%s",
				o.Only, name, strings.Join(benchParts, ", "), closest.Hint(name, benchParts))
		}
	}
	parts := slices.DeleteFunc(slices.Clone(benchParts), func(name string) bool { return !slices.Contains(asked, name) })
	if o.Runs < 1 {
		return nil, exit.Errorf(exit.Unusable, "-runs=%d: at least one run is needed", o.Runs)
	}
	if runtime.GOOS == "windows" {
		return nil, exit.Errorf(exit.Unusable, "measuring: only Linux and macOS are measured")
	}
	for _, part := range parts {
		if err := o.check(part, parts); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func (o Bench) check(part string, parts []string) error {
	wrong := func(format string, args ...any) error { return exit.Errorf(exit.Unusable, format, args...) }
	switch {
	case part == buildPart && min(o.Modules, o.ModuleFiles) < 1:
		return wrong("-modules=%d -moduleFiles=%d: at least one module and one file are needed", o.Modules, o.ModuleFiles)
	case part == spoolPart && min(o.Jobs, o.Workers, o.Waiting) < 1:
		return wrong("-jobs=%d -workers=%d -waiting=%d: at least one of each is needed", o.Jobs, o.Workers, o.Waiting)
	case part == enginePart && (o.Seconds < 1 || o.Seconds > longestSong):
		return wrong("-seconds=%d: the song must play for 1 to %d seconds", o.Seconds, longestSong)
	case part != permissionsPart:
		return nil
	case min(o.Files, o.Folders) < 1:
		return wrong("-files=%d -folders=%d: at least one file and folder are needed", o.Files, o.Folders)
	case runtime.GOOS != "linux":
		return exit.Fixable(exit.Unusable, exit.Fix{Type: "mage bench " + without(parts, part), Note: "measures the rest"},
			"measuring how owners are set: only Linux is measured; the services' files are Linux's, too")
	case os.Geteuid() != 0:
		return exit.Fixable(exit.Unusable, exit.Fix{Type: "sudo env PATH=$PATH mage bench", Note: `, or "mage bench ` + without(parts, part) + `" for the rest`},
			"measuring how owners are set: it gives files to others, which only root may")
	}
	return nil
}

// benchSong builds the image of the service that separates: for that nobody should wait after other
// parts were measured for minutes.
func (t Target) benchSong(ctx context.Context, b *bench.Bench, p *project.Project, o Bench) (bench.Song, error) {
	cache := p.ModelCache()
	if cache == "" {
		return bench.Song{}, exit.Errorf(exit.Unusable, "no service %q of %s mounts a model cache", workers, p.Name())
	}
	set := p.Settings
	if euid := os.Geteuid(); euid != 0 && euid != int(set.AppUser.UID) {
		return bench.Song{}, exit.Errorf(exit.Unusable, "its files belong to the app user %d, which only that user or root can give them", set.AppUser.UID)
	}
	base, err := t.benchEngine(ctx, b, p)
	if err != nil {
		return bench.Song{}, err
	}
	if err := t.buildAlone(ctx, p, &b.Engine.Client, workers); err != nil {
		return bench.Song{}, err
	}
	service := p.Compose.Services[workers]
	song := bench.Song{
		Seconds: float64(o.Seconds), Reference: o.Seconds <= longestReference,
		Image: p.Image(workers), Memory: int64(service.MemLimit), User: set.AppUser,
		Prepare: func(ctx context.Context, root string, folders []string) error {
			return t.resetter(p).Ensure(ctx, root, folders, set.AppUser)
		},
		Models: func(ctx context.Context, folder, precision string) error {
			req := t.benchModel(p, folder)
			req.Precision = precision
			_, err := model.Ensure(ctx, req)
			return err
		},
		Original: func(ctx context.Context, folder string) (*os.File, error) {
			return model.Original(ctx, t.benchModel(p, folder))
		},
		BuildReference: func(ctx context.Context, name string, labels map[string]string) error {
			return t.builder(p, &b.Engine.Client).Stage(ctx, b.Engine, workers, "reference", base, name, labels)
		},
	}
	for _, v := range service.Volumes {
		if v.Source == cache {
			song.Mount = v.Target
		}
	}
	return song, nil
}

// benchModel asks for the model that the npm package has, in a folder of the bench's own.
func (t Target) benchModel(p *project.Project, folder string) model.Request {
	req := t.modelRequest(p)
	req.Data, req.Dir, req.Model = "", folder, bench.Model
	return req
}

func (t Target) buildAlone(ctx context.Context, p *project.Project, c *engine.Client, service string) error {
	release, err := t.alone(ctx, p.Root, nil)
	if err != nil {
		return err
	}
	defer release()
	_, err = t.builder(p, c).Build(ctx, image.Options{Modules: []string{service}}, t.notePlan)
	return err
}
