package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/permissions"
	"github.com/im2-audio/im2/internal/project"
)

// Clean are the flags of the target of that name.
type Clean struct {
	// Tools also removes what setup built, and our part of the user's cache.
	Tools bool
	// DryRun only says what would be removed.
	DryRun bool
	// JSON prints the answer as JSON.
	JSON bool
	// Wait is how long to wait for other commands on the project; nil is as long as it takes.
	Wait *time.Duration
}

// cleaned is the answer of "mage clean -json".
type cleaned struct {
	Project string    `json:"project"`
	DryRun  bool      `json:"dry_run"`
	Removed []removal `json:"removed"`
}

// removal is one thing that is removed: an image, a replaced image (by its ID), or a file or folder.
type removal struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// cleaner is one run of the target.
type cleaner struct {
	Target
	Clean
	project *project.Project
	removed []removal
}

// Clean removes what was built: the compiled services and the project's images. Never data.
func (t Target) Clean(ctx context.Context, o Clean) error {
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	c := &cleaner{Target: t, Clean: o, project: p, removed: []removal{}}
	if !o.DryRun {
		release, err := t.alone(ctx, p.Root, o.Wait)
		if err != nil {
			return err
		}
		defer release()
	}
	if err := c.images(ctx); err != nil {
		return err
	}
	if err := c.files(); err != nil {
		return err
	}
	if o.JSON {
		return t.UI.JSON(cleaned{p.Name(), o.DryRun, c.removed})
	}
	return nil
}

// remove does it, unless it is a dry run, and says so.
func (c *cleaner) remove(kind, name string, do func() error) error {
	verb := "would remove"
	if !c.DryRun {
		if err := do(); err != nil {
			return err
		}
		verb = "removed"
	}
	c.removed = append(c.removed, removal{kind, name})
	switch {
	case c.JSON:
	case kind == "file":
		c.UI.Result("%s %s", verb, name)
	default:
		c.UI.Result("%s %s %s", verb, kind, name)
	}
	return nil
}

func (c *cleaner) files() error {
	programs := image.Builder{Project: c.project}.Programs(c.project.Built())
	paths := programs
	if c.Tools {
		paths = append(paths, filepath.Join(c.Home, ".im2"))
		if user := engine.UserFolder(c.Home, c.Environ); user != "" {
			paths = append(paths, user)
		}
	}
	for i, path := range paths {
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		err := c.remove("file", c.project.Rel(path), func() error {
			if err := os.RemoveAll(path); err != nil {
				return exit.Errorf(exit.Failed, "removing what was built: %w", err)
			}
			if i < len(programs) {
				removeEmpty(filepath.Dir(path))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// removeEmpty removes a folder and those that it is in, up to the first that has something else in it.
func removeEmpty(folder string) {
	for os.Remove(folder) == nil {
		folder = filepath.Dir(folder)
	}
}

// images removes those of the project's own modules, and with Tools those that reset permissions and verify. Without an
// engine there is none to remove.
func (c *cleaner) images(ctx context.Context) error {
	// Removing needs neither Compose nor Buildx, so their versions do not matter.
	e, err := engine.Look(ctx, c.engine(c.project.Settings.Environ()))
	if errors.Is(err, engine.ErrNotInstalled) || errors.Is(err, engine.ErrNotAnswering) || errors.Is(err, engine.ErrDenied) || errors.Is(err, engine.ErrPodman) {
		c.UI.Note("no images removed: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	if c.Tools && !c.DryRun {
		if err := permissions.RemoveImages(ctx, e); err != nil {
			return err
		}
		if err := verifyImage().Remove(ctx, e, ""); err != nil {
			return err
		}
	}
	b := c.builder(c.project, &e.Client)
	old, err := b.Old(ctx)
	if err != nil {
		return err
	}
	if !c.DryRun {
		old = b.RemoveOld(ctx)
	}
	for _, id := range old {
		_ = c.remove("replaced image", id, func() error { return nil }) // done above
	}
	for _, name := range c.project.Built() {
		if err := c.image(ctx, e, c.project.Image(name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *cleaner) image(ctx context.Context, e *engine.Engine, name string) error {
	has, err := e.HasImage(ctx, name)
	if err != nil || !has || slices.Contains(c.removed, removal{"image", name}) { // services may share one
		return err
	}
	return c.remove("image", name, func() error {
		if _, err := e.Output(ctx, e.Command("image", "rm", name)); err != nil {
			var fix exit.Fix
			if strings.Contains(err.Error(), "container") {
				fix = exit.Fix{Type: "mage down", Note: "removes the containers that use it"}
			}
			return exit.Fixable(exit.Failed, fix, "removing image %s: %w", name, err)
		}
		return nil
	})
}
