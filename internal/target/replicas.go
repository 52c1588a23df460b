package target

import (
	"context"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/stack"
)

// workers is the service that -replicas is about.
const workers = "demucs"

// checkReplicas refuses what no machine could start.
func checkReplicas(p *project.Project, replicas *int) error {
	switch {
	case replicas == nil:
		return nil
	case *replicas < 1:
		return exit.Errorf(exit.Unusable, "-replicas=%d: there cannot be fewer than one worker", *replicas)
	case !slices.Contains(p.Services(), workers):
		return exit.Errorf(exit.Unusable, "-replicas is about the service %q, which is none of %s's: %s",
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
	if n == 0 {
		return stack.UpOptions{}, has, nil // the Compose file says how many
	}
	if err := need.Check(has, n); err != nil {
		t.UI.Note("%v; songs are likely to fail for want of memory", err)
	}
	return stack.UpOptions{Replicas: map[string]int{workers: n}}, has, nil
}
