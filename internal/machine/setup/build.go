package setup

import (
	"context"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/tools"
)

// toolBuilds builds tools while other things go on.
type toolBuilds struct {
	kit     tools.Kit
	ownHome string // root's home folder where this is root: others see nothing of it
	group   errgroup.Group
	all     []*toolBuild // one after the other: they have most packages in common
}

type toolBuild struct {
	tool tools.Tool
	took time.Duration
}

// start begins to build Compose and Buildx, as far as the engine's are missing or too old, unless it has begun.
func (b *toolBuilds) start(ctx context.Context, e *engine.Engine) {
	if len(b.all) > 0 {
		return
	}
	for _, plugin := range []struct {
		tool  tools.Tool
		found engine.Plugin
		least string
	}{
		{tools.Compose, e.Compose, engine.MinCompose},
		{tools.Buildx, e.Buildx, engine.MinBuildx},
	} {
		private := b.ownHome != "" && strings.HasPrefix(plugin.found.Path, b.ownHome+string(os.PathSeparator))
		switch {
		case !engine.AtLeast(plugin.found.Version, plugin.least):
			b.kit.UI.Note("%s is missing or older than %s on this machine", plugin.tool.Name, plugin.least)
		case private && !b.kit.Has(plugin.tool):
			b.kit.UI.Note("%s is in root's home folder, where other users of this project cannot use it", plugin.tool.Name)
		default:
			continue
		}
		b.all = append(b.all, &toolBuild{tool: plugin.tool})
	}
	b.group.Go(func() error {
		for _, build := range b.all {
			began := time.Now()
			if _, err := b.kit.Build(ctx, build.tool); err != nil {
				return err
			}
			build.took = time.Since(began)
		}
		return nil
	})
}

// wait waits until they are built. It returns the first error.
func (b *toolBuilds) wait() error { return b.group.Wait() }
