package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/internal/term/closest"
	"github.com/im2-audio/im2/pipeline/execution"
)

// workers is the service that -replicas is about where it names none.
const workers = project.Worker

// counts are how many containers somebody wants of services.
type counts map[string]int

// String is the value of -replicas that means it.
func (c counts) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%s=%d", name, c[name]))
	}
	return strings.Join(parts, ",")
}

// chosen returns what the flag asks for, over what project.Replicas remembers. It refuses what no engine could start.
func chosen(p *project.Project, flag string) (counts, error) {
	return chosenFor(p, flag, stack.Scalable)
}

// chosenFor is chosen for what several containers of a service have to be.
func chosenFor(p *project.Project, flag string, scalable func(types.ServiceConfig, int) error) (counts, error) {
	setting := p.Settings.Get(project.Replicas)
	all, err := parseCounts(p, setting.Value, scalable)
	if err != nil {
		return nil, exit.Errorf(exit.Unusable, "%s is %q in %s: %w", project.Replicas, setting.Value, setting.Where(), err)
	}
	asked, err := parseCounts(p, flag, scalable)
	if err != nil {
		return nil, exit.Errorf(exit.Unusable, "-replicas=%s: %w", flag, err)
	}
	maps.Copy(all, asked)
	maps.DeleteFunc(all, func(_ string, n int) bool { return n == 0 })
	return all, nil
}

// auto takes back what was chosen for a service.
const auto = "auto"

// parseCounts reads SERVICE=NUMBER with commas; a number alone is about the workers, and 0 stands for auto.
func parseCounts(p *project.Project, text string, scalable func(types.ServiceConfig, int) error) (counts, error) {
	all := make(counts)
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, number, named := strings.Cut(part, "=")
		if !named {
			name, number = workers, part
		}
		n, err := strconv.Atoi(number)
		service, there := p.Compose.Services[name]
		_, off := p.Compose.DisabledServices[name]
		switch {
		case number == auto:
			n, err = 0, nil
		case err != nil:
			return nil, fmt.Errorf("%q is neither a number nor %s; fix: write SERVICE=NUMBER", number, auto)
		case n < 1:
			return nil, errors.New("at least 1 is needed")
		case off:
			continue // until its profile is on
		case there:
			err = scalable(service, n)
		}
		if !there && !off {
			hint := closest.Hint(name, p.Services())
			if !named {
				hint = "; fix: write SERVICE=" + number
			}
			err = fmt.Errorf("project %s has no service %q, but %s%s", p.Name(), name, safetext.List(p.Services(), 10, ", "), hint)
		}
		if err != nil {
			return nil, err
		}
		all[name] = n
	}
	return all, nil
}

// remember writes what was chosen to .env.local, so that the next "mage up" starts as many. Services that are not enabled
// keep what they have there.
func (t Target) remember(p *project.Project, want counts) {
	setting := p.Settings.Get(project.Replicas)
	all := maps.Clone(want)
	for part := range strings.SplitSeq(setting.Value, ",") {
		name, number, _ := strings.Cut(strings.TrimSpace(part), "=")
		if n, err := strconv.Atoi(number); err == nil && !slices.Contains(p.Services(), name) {
			all[name] = n
		}
	}
	if setting.Value == all.String() {
		return
	}
	if setting.Source == project.FromEnvironment {
		t.UI.Note("%s of the environment counts again next time", project.Replicas)
		return
	}
	if err := project.WriteLocal(p.Root, project.Replicas, all.String()); err != nil {
		t.UI.Note("not remembered: %v", err)
		return
	}
	t.UI.Note("wrote %s=%s to %s", project.Replicas, all, project.LocalFile)
}

// scale decides how many containers services have. It returns what it knows of the engine's machine, too:
// the zero value where that does not matter.
func (t Target) scale(ctx context.Context, p *project.Project, c *engine.Client, want counts) (stack.UpOptions, engine.Capacity, error) {
	need := stack.NeedOf(p.Compose.Services[workers])
	if need.Memory <= 0 && len(want) == 0 {
		return stack.UpOptions{}, engine.Capacity{}, nil
	}
	has, err := c.Capacity(ctx)
	if err != nil {
		return stack.UpOptions{}, has, err
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if err := stack.NeedOf(p.Compose.Services[name]).Check(has, want[name]); err != nil {
			return stack.UpOptions{}, has, err
		}
	}
	o := stack.UpOptions{Replicas: maps.Clone(want)}
	n, decided := want[workers]
	if !decided {
		n = need.Fitting(has)
		if err := need.Check(has, n); err != nil {
			t.UI.Note("%v; songs are likely to fail for want of memory", err)
		}
	}
	if n == 0 { // the Compose file says how many
		service := p.Compose.Services[workers]
		n = service.GetScale()
	} else {
		o.Replicas[workers] = n
	}
	o.Environ = shareProcessors(p, has, n)
	return o, has, nil
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

// checkExecution refuses what services would refuse, before anything is built for it.
func checkExecution(p *project.Project) error {
	if p.TellsServices() {
		for _, name := range project.ServiceSettings {
			if err := p.Settings.CheckService(name); err != nil {
				return err
			}
		}
	}
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
