package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
)

// Build is the part about building images and starting what is up to date.
type Build struct {
	// Machine is where it was measured.
	Machine Machine `json:"machine"`
	// Versions are those of Docker's parts.
	Versions Versions `json:"versions"`
	// Modules is how many images the project has, ModuleFiles how many files each of
	// them is made of beside its Dockerfile.
	Modules     int `json:"modules"`
	ModuleFiles int `json:"module_files"`
	// Services is how many containers run in the case that starts them.
	Services int `json:"services"`
	// Runs is how often each way ran in each case.
	Runs int `json:"runs"`
	// Cases are what was changed before a run.
	Cases []Case `json:"cases"`
	// DigestSeconds is the median time in which ours looks at the files to see that none
	// of them changed, and DigestFiles how many they are; 0 when ours does not tell.
	DigestSeconds float64 `json:"digest_seconds,omitempty"`
	DigestFiles   int     `json:"digest_files,omitempty"`
}

// Versions are those of Docker's parts.
type Versions struct {
	Engine  string `json:"engine"`
	Compose string `json:"compose"`
	Buildx  string `json:"buildx"`
}

// Project is what the build part works on.
type Project struct {
	// Root is the folder of the user's project. The ones to be built are made in its
	// .im2, or in Dir.
	Root, Dir string
	// Base is the image to build on, which the engine has.
	Base string
	// Modules is how many modules there are, ModuleFiles how many files each has beside
	// its Dockerfile.
	Modules, ModuleFiles int
	// Runs is how often each way runs in each case.
	Runs int
}

// services is how many containers run in the case that starts them.
const services = 3

// Build measures building and starting a project. It needs Engine, and removes what it
// made, also when ctx ends; what BuildKit cached stays in its cache. Cases that were
// complete before an error are returned with it.
func (b *Bench) Build(ctx context.Context, o Project) (Build, error) {
	e := b.Engine
	r := Build{
		Versions: Versions{Engine: e.Server.Version, Compose: e.Compose.Version, Buildx: e.Buildx.Version},
		Modules:  o.Modules, ModuleFiles: o.ModuleFiles, Services: services, Runs: o.Runs,
	}
	var err error
	if b.contender, err = b.own(ctx, tools.Contender()); err != nil {
		return r, err
	}
	path, remove, err := b.folder(o.Root, o.Dir)
	if err != nil {
		return r, err
	}
	defer remove(ctx)
	r.Machine = machine(path)
	ways, err := b.builders(ctx, path, o)
	if err != nil {
		return r, err
	}
	defer b.forget(ctx, filepath.Base(path))
	if err := b.makeSamples(ctx, ways); err != nil {
		return r, err
	}
	if err := b.buildCases(ctx, ways, o.Runs, &r); err != nil {
		return r, err
	}
	c, err := b.upCase(ctx, ways, o.Runs)
	if err == nil {
		r.Cases = append(r.Cases, c)
	}
	return r, err
}

// makeSamples makes the projects of every way and builds the small one, so that no
// measured run is the first to read a program or to compile the targets.
func (b *Bench) makeSamples(ctx context.Context, ways []*builder) error {
	progress := b.UI.Progress("making projects to build", 0, term.Seconds)
	defer progress.Done()
	for _, w := range ways {
		for _, s := range []sample{w.small, w.large} {
			if err := s.make(); err != nil {
				return exit.Errorf(exit.Failed, "making a project in %s: %w", s.root, err)
			}
		}
		if err := w.small.freshen(ctx); err != nil {
			return exit.Errorf(exit.Failed, "making a project in %s: %w", w.small.root, err)
		}
		if err := b.Runner.Run(ctx, w.build(w.small)); err != nil {
			return exit.Errorf(exit.Failed, "trying %q: %w", w.buildName, err)
		}
	}
	return nil
}

// buildCases measures the cases that build, and our digest between them.
func (b *Bench) buildCases(ctx context.Context, ways []*builder, runs int, r *Build) error {
	for _, change := range changes() {
		c, err := b.changed(ctx, ways, runs, change)
		if err != nil {
			return err
		}
		r.Cases = append(r.Cases, c)
		if change.name != nothingChanged {
			continue
		}
		if r.DigestSeconds, err = b.digest(ctx, ways, runs); err != nil {
			return err
		}
		if r.DigestSeconds > 0 {
			r.DigestFiles = r.Modules * (r.ModuleFiles + 1)
		}
	}
	return nil
}

// changed measures one case that builds.
func (b *Bench) changed(ctx context.Context, ways []*builder, runs int, c change) (Case, error) {
	var names []string
	for _, w := range ways {
		names = append(names, w.buildName)
	}
	return b.inTurn(Case{Name: c.name, Ours: mageBuild}, names, runs, func(way, n int) (Figures, error) {
		f, err := b.buildAfter(ctx, ways[way], c, n)
		if err != nil {
			return f, fmt.Errorf("%s: %w", c.name, err)
		}
		return f, nil
	})
}

// buildAfter makes a change, measures the build, and checks that it built what changed
// and nothing else.
func (b *Bench) buildAfter(ctx context.Context, w *builder, c change, n int) (Figures, error) {
	want, err := c.make(ctx, b, w, n)
	if err != nil {
		return Figures{}, err
	}
	settle(w.large.root)
	f, err := b.measure(ctx, w.build(w.large), fmt.Sprintf("%q", w.buildName))
	if err != nil {
		return f, err
	}
	f.Usage = nil // the engine does the work
	now, err := b.layers(ctx, w.large)
	if err != nil {
		return f, fmt.Errorf("looking at what %q built: %w", w.buildName, err)
	}
	was := w.layers
	w.layers = now
	return f, w.judge(want, differing(was, now))
}

// upCase measures starting services that run already, with images that are up to date.
func (b *Bench) upCase(ctx context.Context, ways []*builder, runs int) (Case, error) {
	c := Case{Name: "up, all running", Ours: mageUp}
	var names []string
	for _, w := range ways {
		names = append(names, w.upName)
		if err := b.bringUp(ctx, w); err != nil {
			return c, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return b.inTurn(c, names, runs, func(way, _ int) (Figures, error) {
		f, err := b.upAgain(ctx, ways[way])
		if err != nil {
			return f, fmt.Errorf("%s: %w", c.Name, err)
		}
		return f, nil
	})
}

// upAgain measures starting what runs, and checks that it still does.
func (b *Bench) upAgain(ctx context.Context, w *builder) (Figures, error) {
	settle(w.small.root)
	f, err := b.measure(ctx, w.up(w.small), fmt.Sprintf("%q", w.upName))
	if err != nil {
		return f, err
	}
	f.Usage = nil // the engine does the work
	now, err := b.running(ctx, w.small)
	if err == nil && !slices.Equal(now, w.containers) {
		err = exit.Errorf(exit.Failed, "after %q other containers run than before: %q, not %q", w.upName, now, w.containers)
	}
	return f, err
}
