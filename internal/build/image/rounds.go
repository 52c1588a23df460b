package image

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// attempts is how often a module is built in one run that changes while it is built.
const attempts = 3

// buildStale builds the stale modules in rounds: first those that are built on no other stale module's image,
// then those on theirs. After each round everything is checked again. What changed while BuildKit read it is
// built again, since its label may be wrong, and what is built on a new image has become stale.
func (b Builder) buildStale(ctx context.Context, r ready, jobs int, plan *Plan) error {
	tries := make(map[string]int)
	for todo := plan.Stale(); len(todo) > 0; {
		round := plan.first(todo)
		if err := b.fetch(ctx, r.engine, plan, round); err != nil {
			return err
		}
		for chunk := range slices.Chunk(round, cmp.Or(max(0, jobs), max(1, len(round)))) {
			if err := b.bake(ctx, r, plan, chunk); err != nil {
				return err
			}
		}
		changed, err := b.lookAgain(ctx, plan, round)
		if err != nil {
			return err
		}
		for _, name := range changed {
			tries[name]++
		}
		todo = slices.DeleteFunc(todo, func(name string) bool { return slices.Contains(round, name) })
		for _, name := range changed {
			switch {
			case tries[name] >= attempts:
				b.UI.Note("%s changed repeatedly while it was built: the next build builds it again", name)
			case !slices.Contains(todo, name):
				b.UI.Note("%s is stale again: %s", name, strings.Join(plan.find(name).Reasons, ", "))
				todo = append(todo, name)
			}
		}
		slices.Sort(todo)
	}
	return nil
}

func (p *Plan) find(name string) *Module {
	if i := slices.IndexFunc(p.Modules, func(m Module) bool { return m.Name == name }); i >= 0 {
		return &p.Modules[i]
	}
	return nil
}

// first returns those modules that are built on no other's image. If they are built on one another in a ring, it
// returns all: the engine has older images.
func (p *Plan) first(todo []string) []string {
	var round []string
	for _, name := range todo {
		onOther := slices.ContainsFunc(todo, func(other string) bool {
			return other != name && p.find(name).isOn(p.find(other).names)
		})
		if !onOther {
			round = append(round, name)
		}
	}
	if len(round) == 0 {
		return todo
	}
	return round
}

func (m *Module) isOn(names []string) bool {
	for image := range m.inputs.Images {
		if slices.Contains(names, familiar(image)) {
			return true
		}
	}
	return false
}

// fetch pulls missing base images, so that there is an ID to compare, and updates the plan.
func (b Builder) fetch(ctx context.Context, e *engine.Engine, plan *Plan, modules []string) error {
	fetched := false
	for _, image := range plan.missing(modules) {
		if service := b.builds(image); service != "" {
			return exit.Errorf(exit.Unusable, "building %s: its base image %s is not available locally; service %s builds it; fix: mage build -module=%s, then try again",
				some(plan.on(modules, image)), image, service, service)
		}
		platforms := b.pulledFor(plan.on(modules, image))
		if len(platforms) > 1 {
			continue // BuildKit pulls it for each; the engine would keep it for one
		}
		if err := pull(ctx, e, b.UI, image, platforms); err != nil {
			return err
		}
		fetched = true
	}
	b.tellBases(plan, modules)
	if !fetched {
		return nil
	}
	now, err := b.planner().plan(ctx, modules)
	if err != nil {
		return err
	}
	for _, after := range now.Modules {
		m := plan.find(after.Name)
		m.Digest, m.User, m.inputs = after.Digest, after.User, after.inputs
	}
	return nil
}

// pulledFor returns the platforms that services need an image for; none for the engine's own.
func (b Builder) pulledFor(services []string) []string {
	var all []string
	for _, name := range services {
		all = append(all, b.platforms(name)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (b Builder) builds(image string) string {
	for _, service := range b.Project.Built() {
		if slices.Contains(b.names(service), familiar(image)) {
			return service
		}
	}
	return ""
}

func (p *Plan) on(modules []string, image string) []string {
	return slices.DeleteFunc(slices.Clone(modules), func(name string) bool { return !p.find(name).isOn([]string{familiar(image)}) })
}

func (p *Plan) missing(modules []string) []string {
	var names []string
	for _, name := range modules {
		for image, id := range p.find(name).inputs.Images {
			if id == "" {
				names = append(names, image)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (b Builder) tellBases(plan *Plan, modules []string) {
	var told []string
	for _, name := range modules {
		asked := b.Project.Compose.Services[name].Build.Args[project.BaseImage]
		used := plan.find(name).inputs.Args[project.BaseImage]
		if asked != nil && used != *asked && !slices.Contains(told, used) {
			noteStandIn(b.UI, used, *asked)
			told = append(told, used)
		}
	}
}

// lookAgain updates the plan after a round and returns the modules that must be built again.
func (b Builder) lookAgain(ctx context.Context, plan *Plan, round []string) ([]string, error) {
	all := make([]string, 0, len(plan.Modules))
	for _, m := range plan.Modules {
		all = append(all, m.Name)
	}
	p := b.planner()
	p.collector.Before = plan.collector
	now, err := p.plan(ctx, all)
	if err != nil {
		return nil, err
	}
	var again []string
	for _, after := range now.Modules {
		before := plan.find(after.Name)
		inRound := slices.Contains(round, after.Name)
		switch {
		case inRound && before.inputs.Newest == after.inputs.Newest && before.Digest == after.Digest:
			at := time.Now()
			before.Built, before.BuiltAt = true, &at
			if b.push {
				continue // a record is about the image that is here
			}
			if err := b.records().Save(after.inputs, at); err != nil {
				b.UI.Note("%v", err)
			}
		case inRound:
			before.Built = true
			after.Reasons = []string{"it changed while it was built"}
			again = append(again, after.Name)
			before.adopt(after)
		case after.Stale && !before.Stale:
			again = append(again, after.Name)
			before.adopt(after)
		case after.Stale:
			before.adopt(after) // its turn comes, perhaps on another base image now
		}
	}
	return again, nil
}

func (m *Module) adopt(after Module) {
	m.Stale, m.Digest, m.User, m.inputs = true, after.Digest, after.User, after.inputs
	if len(after.Reasons) > 0 {
		m.Reasons = after.Reasons
	}
}
