package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/permissions"
	"github.com/im2-audio/im2/internal/project"
)

// Clean removes what was built: the compiled services and the project's images, and with
// withTools the tools that setup built. Never data.
func (t Target) Clean(ctx context.Context, withTools bool, wait *time.Duration) error {
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	release, err := t.alone(ctx, p.Root, wait)
	if err != nil {
		return err
	}
	defer release()
	if err := t.cleanImages(ctx, p, withTools); err != nil {
		return err
	}
	programs := image.Builder{Project: p}.Programs(p.Built())
	paths := programs
	if withTools {
		paths = append(paths, filepath.Join(t.Home, ".im2"))
		if user := engine.UserFolder(t.Home, t.Environ); user != "" {
			paths = append(paths, user)
		}
	}
	for i, path := range paths {
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return exit.Errorf(exit.Failed, "removing what was built: %w", err)
		}
		t.UI.Result("removed %s", p.Rel(path))
		if i < len(programs) {
			removeEmpty(filepath.Dir(path))
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

// cleanImages removes the images of the project's own modules, and with withTools those
// that reset permissions and verify. Without an engine there is none to remove.
func (t Target) cleanImages(ctx context.Context, p *project.Project, withTools bool) error {
	// Removing needs neither Compose nor Buildx, so their versions do not matter.
	e, err := engine.Look(ctx, t.engine(p.Settings.Environ()))
	if errors.Is(err, engine.ErrNotInstalled) || errors.Is(err, engine.ErrNotAnswering) || errors.Is(err, engine.ErrDenied) || errors.Is(err, engine.ErrPodman) {
		t.UI.Note("no images removed: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	if withTools {
		if err := permissions.RemoveImages(ctx, e); err != nil {
			return err
		}
		if err := verifyImage().Remove(ctx, e, ""); err != nil {
			return err
		}
	}
	t.builder(p, &e.Client).RemoveOld(ctx)
	for _, name := range p.Built() {
		built := p.Image(name)
		has, err := e.HasImage(ctx, built)
		if err != nil {
			return err
		}
		if !has {
			continue
		}
		if _, err := e.Output(ctx, e.Command("image", "rm", built)); err != nil {
			var fix exit.Fix
			if strings.Contains(err.Error(), "container") {
				fix = exit.Fix{Type: "mage down", Note: "removes the containers that use it"}
			}
			return exit.Fixable(exit.Failed, fix, "removing image %s: %w", built, err)
		}
		t.UI.Result("removed image %s", built)
	}
	return nil
}
