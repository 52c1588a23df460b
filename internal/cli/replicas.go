package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/execution"
)

// workers is the service that -replicas is about.
const workers = project.Worker

// checkReplicas refuses what no machine could start.
func checkReplicas(p *project.Project, replicas *int) error {
	switch {
	case replicas == nil:
		return nil
	case *replicas < 1:
		return exit.Errorf(exit.Unusable, "-replicas=%d: at least 1 is needed", *replicas)
	case !slices.Contains(p.Services(), workers):
		return exit.Errorf(exit.Unusable, "-replicas needs the service %q; project %s has: %s",
			workers, p.Name(), strings.Join(p.Services(), ", "))
	}
	return nil
}

// scale decides how many workers there are. It returns what it knows of the engine's machine, too:
// the zero value where that does not matter.
func (t Target) scale(ctx context.Context, p *project.Project, c *engine.Client, replicas *int) (stack.UpOptions, engine.Capacity, error) {
	need := stack.NeedOf(p.Compose.Services[workers])
	if need.Memory <= 0 && replicas == nil {
		return stack.UpOptions{}, engine.Capacity{}, nil
	}
	has, err := c.Capacity(ctx)
	if err != nil {
		return stack.UpOptions{}, has, err
	}
	n := need.Fitting(has)
	if replicas != nil {
		n = *replicas
		if err := need.Check(has, n); err != nil {
			return stack.UpOptions{}, has, err
		}
	}
	if n == 0 { // the Compose file says how many
		service := p.Compose.Services[workers]
		return stack.UpOptions{Environ: shareProcessors(p, has, service.GetScale())}, has, nil
	}
	if err := need.Check(has, n); err != nil {
		t.UI.Note("%v; songs are likely to fail for want of memory", err)
	}
	return stack.UpOptions{Replicas: map[string]int{workers: n}, Environ: shareProcessors(p, has, n)}, has, nil
}

// shareProcessors gives each of the workers its share of the engine's processors, where nobody
// says how many threads they compute with. Each would take all of them otherwise.
func shareProcessors(p *project.Project, has engine.Capacity, replicas int) []string {
	_, read := p.Compose.Services[workers].Environment[project.DemucsThreads]
	if !read || p.Settings.Get(project.DemucsThreads).Value != "" || has.CPUs < 1 {
		return nil
	}
	return []string{fmt.Sprintf("%s=%d", project.DemucsThreads, min(stack.Threads(has, replicas), execution.MaxThreads))}
}

// checkExecution refuses what the worker would refuse, before anything is built for it.
func checkExecution(p *project.Project) error {
	if p.ModelCache() == "" {
		return nil
	}
	for _, name := range project.ExecutionSettings {
		if err := p.Settings.Get(name).CheckExecution(); err != nil {
			return err
		}
	}
	return nil
}
