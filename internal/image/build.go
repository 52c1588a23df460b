// Package image builds the project's images: Go services are compiled on the host, the
// base image is resolved, and one BuildKit run builds every service that has a build
// section.
package image

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// Builder builds the images of one project.
type Builder struct {
	// Project is what is built.
	Project *project.Project
	// Engine builds it.
	Engine *engine.Engine
	// Runner compiles the Go services.
	Runner run.Runner
	// UI is told what goes on.
	UI *term.UI
}

// Build builds the images of the named services, or of all where none is named, and
// returns which were built, in a stable order.
func (b Builder) Build(ctx context.Context, modules ...string) ([]string, error) {
	services, err := b.choose(modules)
	if err != nil {
		return nil, err
	}
	if len(services) == 0 {
		b.UI.Note("no service of %s has a build section: nothing to build", b.Project.Name())
		return nil, nil
	}
	if err := b.check(ctx, services); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := b.compile(ctx, services); err != nil {
		return nil, err
	}
	base, err := b.base(ctx, services)
	if err != nil {
		return nil, err
	}
	if err := b.bake(ctx, base, services); err != nil {
		return nil, err
	}
	b.UI.Note("built %d of %d modules in %s", len(services), len(b.Project.Built()), time.Since(start).Round(100*time.Millisecond))
	return services, nil
}

// choose resolves module names: a service's, or the folder of its build context.
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
			return nil, exit.Errorf(exit.Unusable, "there is no module %q to build in %s; there are: %s",
				module, b.Project.Root, strings.Join(built, ", "))
		}
		chosen = append(chosen, found...)
	}
	slices.Sort(chosen)
	return slices.Compact(chosen), nil
}
