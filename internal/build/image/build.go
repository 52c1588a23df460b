// Package image builds the project's images: Go services are compiled on the host, the
// base image is resolved, and one BuildKit run builds every service whose image is stale. A
// label on each image tells what it was built from (package inputs); an image whose label matches
// the current inputs is not built again.
package image

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/internal/term/closest"
)

// Builder builds the images of one project.
type Builder struct {
	// Project is what is built.
	Project *project.Project
	// Client asks the engine what is there. Compose and Buildx are looked for only when
	// something is stale.
	Client *engine.Client
	// Runner compiles the Go services.
	Runner run.Runner
	// UI is told what goes on.
	UI *term.UI
	// Cache is a folder of the user's for what is remembered between runs; "" for none, and
	// every run then looks at everything.
	Cache string

	push bool // see Options.Push
}

// Options say what to build, and how.
type Options struct {
	// Modules are services, or folders of build contexts; none means all.
	Modules []string
	// Force builds what is up to date, too; BuildKit's cache still spares steps.
	Force bool
	// Pull fetches the images to build on anew first.
	Pull bool
	// Push builds for all platforms that the Compose file names, also what is up to date, and pushes it to where its
	// image name says. Otherwise, it is built for the one platform that it runs on here.
	Push bool
	// Jobs is how many images are built at once; 0 leaves it to BuildKit.
	Jobs int
	// DryRun looks and says, but builds nothing.
	DryRun bool
}

// Build builds what is stale and returns what there was to say about each module, told before
// it begins to build. The caller keeps other builds of the project away: two at once would compile into
// the same files.
func (b Builder) Build(ctx context.Context, o Options, tell func(Plan)) (Plan, error) {
	b.push = o.Push
	services, err := b.choose(o.Modules)
	if err == nil && o.Push {
		services, err = b.pushable(services)
	}
	if err != nil {
		return Plan{}, err
	}
	if err := b.check(services); err != nil {
		return Plan{}, err
	}
	if o.DryRun {
		plan, err := b.look(ctx, services)
		if err != nil {
			return Plan{}, err
		}
		plan.force(o)
		tell(plan)
		return plan, nil
	}
	if len(services) == 0 {
		b.UI.Note("no service of %s has a build section: nothing to build", b.Project.Name())
		return Plan{}, nil
	}
	plan, err := b.build(ctx, o, services, tell)
	if err == nil {
		b.RemoveOld(ctx)
	}
	return plan, err
}

func (p Plan) force(o Options) {
	for i := range p.Modules {
		switch m := &p.Modules[i]; {
		case o.Push:
			m.Stale, m.Reasons = true, []string{"to be pushed"} // what is here says nothing of the registry
		case o.Force && !m.Stale:
			m.mark("forced")
		}
	}
}

// pushable returns those of the services that say where to push their image.
func (b Builder) pushable(services []string) ([]string, error) {
	named := slices.DeleteFunc(slices.Clone(services), func(name string) bool { return b.Project.Compose.Services[name].Image == "" })
	if len(named) == 0 {
		return nil, exit.Errorf(exit.Unusable, "pushing %s: no image name says where to; fix: set \"image: REGISTRY/NAME:TAG\" in the Compose file", some(services))
	}
	return named, nil
}

func (b Builder) build(ctx context.Context, o Options, services []string, tell func(Plan)) (Plan, error) {
	start := time.Now()
	if err := b.compile(ctx, services); err != nil {
		return Plan{}, err
	}
	if o.Pull {
		if err := b.renew(ctx, services); err != nil {
			return Plan{}, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := sync.OnceValues(func() (ready, error) { return b.ready(ctx, services) })
	p := b.planner()
	p.onStale = func() { go func() { _, _ = ready() }() } // asked again before a build
	if o.Force || o.Push {
		p.onStale()
	}
	plan, err := p.plan(ctx, services)
	if err == nil && len(plan.unnoticed) > 0 {
		plan, err = b.touch(ctx, plan, services)
	}
	if err != nil {
		return Plan{}, err
	}
	plan.force(o)
	tell(plan)
	b.record(plan)
	if len(plan.Stale()) == 0 {
		return plan, nil
	}
	r, err := ready()
	if err == nil {
		err = b.buildStale(ctx, r, o.Jobs, &plan)
	}
	if err != nil {
		return plan, err
	}
	built := len(slices.DeleteFunc(slices.Clone(plan.Modules), func(m Module) bool { return !m.Built }))
	b.UI.Trace("built %d of %d modules in %s", built, len(services), time.Since(start).Round(100*time.Millisecond))
	return plan, nil
}

// ready is an engine with Compose and Buildx, and what Compose would build there. To find it takes a tenth of a
// second, which passes while the files are checked, once it is clear that there is something to build.
type ready struct {
	engine  *engine.Engine
	printed []byte // the bake definition of all services
}

func (b Builder) ready(ctx context.Context, services []string) (r ready, err error) {
	if r.engine, err = b.Client.Find(ctx); err == nil {
		r.printed, err = b.print(ctx, r.engine, services)
	}
	return r, err
}

// record saves missing records, for example of images from another machine, so that the next change can be
// named.
func (b Builder) record(plan Plan) {
	for _, m := range plan.Modules {
		if !m.Stale && !m.recorded {
			_ = b.records().Save(m.inputs, *m.BuiltAt) // only a reason's wording is at stake
		}
	}
}

// choose resolves module names: a service, or the folder of its build context.
func (b Builder) choose(modules []string) ([]string, error) {
	built := b.Project.Built()
	if len(modules) == 0 {
		return built, nil
	}
	var chosen []string
	for _, module := range modules {
		found := slices.DeleteFunc(slices.Clone(built), func(service string) bool {
			folder := filepath.Base(b.Project.Compose.Services[service].Build.Context)
			return service != module && folder != module
		})
		if len(found) == 0 {
			return nil, exit.Errorf(exit.Unusable, "there is no module %q to build in %s; there are: %s%s",
				module, b.Project.Root, strings.Join(built, ", "), closest.Hint(module, built))
		}
		chosen = append(chosen, found...)
	}
	slices.Sort(chosen)
	return slices.Compact(chosen), nil
}
