package cli

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/renameio/v2/maybe"
	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/stack"
	"github.com/im2-audio/im2/internal/filestate"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/ownership"
)

// settled is what "mage up" left behind. When nothing of it has changed, the next one has
// nothing to do, and need not ask Compose to find that out.
type settled struct {
	// Config is a digest of the project as Compose resolves it, and of the flags.
	Config string `json:"config"`
	// Capacity is what the number of workers was decided by; zero where it was not.
	Capacity engine.Capacity `json:"capacity"`
	// Folders maps the data folders to owner and mode.
	Folders map[string]string `json:"folders"`
	// Containers are those that run.
	Containers stack.Settled `json:"containers"`
	// Sources maps what they mount of this machine to which file or folder it is.
	Sources map[string]string `json:"sources"`
}

// stillUp reports whether the pipeline is up as the last "mage up" left it and nothing is
// stale; then it prints how it is. Any doubt, and any error, means no: the long way says what
// is wrong.
func (t Target) stillUp(ctx context.Context, p *project.Project, c *engine.Client, want counts) bool {
	before, ok := t.readSettled(p)
	if !ok || before.Config == "" || before.Config != configOf(p, want) || !maps.Equal(before.Folders, foldersOf(p)) ||
		!maps.Equal(before.Sources, sourcesOf(p)) || t.modelChanged(p) {
		return false
	}
	s := stack.Stack{Project: p, Client: c, UI: t.UI}
	var plan image.Plan
	var all []stack.Container
	has := before.Capacity
	counts := has != (engine.Capacity{})
	local := has == engine.Local() // to ask the engine takes longer than all the rest
	g, inTime := errgroup.WithContext(ctx)
	g.Go(func() error {
		var err error
		plan, err = t.builder(p, c).Plan(inTime)
		return err
	})
	g.Go(func() error {
		var err error
		all, ok, err = s.StillSettled(inTime, before.Containers)
		return err
	})
	if counts && !local {
		g.Go(func() error {
			var err error
			has, err = c.Capacity(inTime)
			return err
		})
	}
	if err := g.Wait(); err != nil || !ok || len(plan.Stale()) > 0 {
		return false
	}
	if counts && local && slices.ContainsFunc(all, func(c stack.Container) bool { return !c.Here() }) {
		has, _ = c.Capacity(ctx) // zero beside an error
	}
	if has != before.Capacity {
		return false
	}
	s.Print(all, nil)
	return true
}

// settle remembers that the pipeline is up. It is a convenience: where it cannot be remembered,
// the next "mage up" goes the long way.
func (t Target) settle(ctx context.Context, p *project.Project, c *engine.Client, want counts, has engine.Capacity) {
	path := t.settledPath(p)
	if path == "" {
		return
	}
	containers, err := stack.Stack{Project: p, Client: c, UI: t.UI}.Settle(ctx)
	if err != nil || len(containers) == 0 {
		_ = os.Remove(path)
		return
	}
	text, err := json.Marshal(settled{configOf(p, want), has, foldersOf(p), containers, sourcesOf(p)})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		_ = maybe.WriteFile(path, text, 0o600)
	}
}

func (t Target) readSettled(p *project.Project) (before settled, ok bool) {
	text, err := os.ReadFile(t.settledPath(p))
	return before, err == nil && json.Unmarshal(text, &before) == nil
}

// settledPath is the file that remembers; "" where there is no place for one.
func (t Target) settledPath(p *project.Project) string { return t.remembered(p, "up.json") }

// remembered is a file or folder of the user's own with what is known of the project; "" where
// there is no place for one.
func (t Target) remembered(p *project.Project, name string) string {
	return t.builder(p, nil).Remembered(name)
}

// configOf is a digest of all that decides what Compose would do; "" where files that are not
// read here have a part in it.
func configOf(p *project.Project, want counts) string {
	if len(p.Compose.Secrets) > 0 || len(p.Compose.Configs) > 0 {
		return ""
	}
	text, err := json.Marshal(struct {
		Compose  any
		Replicas string
	}{p.Compose, want.String()})
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// foldersOf maps the data folders to their owner and mode, as they are.
func foldersOf(p *project.Project) map[string]string {
	folders := make(map[string]string)
	for _, tree := range p.Trees {
		for _, path := range tree.Folders {
			folders[path] = "missing"
			if info, err := os.Lstat(path); err == nil {
				owner, _ := ownership.Of(info)
				folders[path] = owner.String() + " " + info.Mode().String()
			}
		}
	}
	return folders
}

// sourcesOf maps what services mount of this machine to which file or folder it is now.
func sourcesOf(p *project.Project) map[string]string {
	sources := make(map[string]string)
	for _, name := range p.Services() {
		for _, v := range p.Compose.Services[name].Volumes {
			if v.Type == types.VolumeTypeBind {
				sources[v.Source] = filestate.Which(v.Source)
			}
		}
	}
	return sources
}

// replacedSince returns the containers that the last "mage up" left behind, and what has another file or folder since.
func (t Target) replacedSince(p *project.Project) (containers stack.Settled, sources []string) {
	before, ok := t.readSettled(p)
	if !ok {
		return nil, nil
	}
	for path, now := range sourcesOf(p) {
		if then, known := before.Sources[path]; known && then != now {
			sources = append(sources, path)
		}
	}
	return before.Containers, sources
}
