package image

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// renew pulls every image that the services are built on, except those that the project builds. If no registry
// has the image that a stand-in replaces, the stand-in stays.
func (b Builder) renew(ctx context.Context, services []string) error {
	e, err := b.Client.Find(ctx)
	if err != nil {
		return err
	}
	plan, err := b.planner().plan(ctx, services)
	if err != nil {
		return err
	}
	images := b.pullable(plan)
	for _, name := range slices.Sorted(maps.Keys(images)) {
		platforms := b.pulledFor(plan.on(services, name))
		if len(platforms) > 1 {
			continue // BuildKit asks the registry each time
		}
		err := pull(ctx, e, b.UI, name, platforms)
		if errors.Is(err, ErrNoBase) && !images[name] {
			b.UI.Note("%v", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pullable returns the images that a registry may have, and whether there is no stand-in for them.
func (b Builder) pullable(plan Plan) map[string]bool {
	needed := make(map[string]bool)
	for _, m := range plan.Modules {
		for name := range m.inputs.Images {
			needed[name] = true
		}
		asked, used := b.Project.Compose.Services[m.Name].Build.Args[project.BaseImage], m.inputs.Args[project.BaseImage]
		if asked != nil && *asked != used {
			delete(needed, used)
			needed[*asked] = false
		}
	}
	maps.DeleteFunc(needed, func(name string, _ bool) bool { return b.builds(name) != "" })
	return needed
}

// touch sets a new mtime on files whose content changed while size and mtime did not, for example after "cp -p":
// BuildKit's transfer compares only those and would build with the old content. Then it plans again.
func (b Builder) touch(ctx context.Context, plan Plan, services []string) (Plan, error) {
	for _, path := range plan.unnoticed {
		b.UI.Note("touching %s: its content changed, but not its size and time, so BuildKit would not notice", b.Project.Rel(path))
		now := time.Now()
		if err := os.Chtimes(path, now, now); err != nil {
			return Plan{}, exit.Errorf(exit.Failed, "making BuildKit notice that %s changed: %w; fix: run \"touch %[1]s\"", path, exit.Reason(err))
		}
	}
	return b.planner().plan(ctx, services)
}
