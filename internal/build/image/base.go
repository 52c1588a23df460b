package image

import (
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// ErrNoBase is returned when the base image is neither here nor to be had.
var ErrNoBase = errors.New("the base image is not available")

// OwnBase is the name of the image that stands in for an official Debian image where no
// registry answers: the same release, made from Debian's archive. ok is false for an
// image that nothing can stand in for.
func OwnBase(image string) (name, suite string, ok bool) {
	tag, found := strings.CutPrefix(image, "debian:")
	if !found {
		return "", "", false
	}
	suite = strings.TrimSuffix(tag, "-slim")
	if suite == "" || strings.ContainsFunc(suite, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return "", "", false // a version number or a digest: no name of a release
	}
	return "im2/base:" + suite, suite, true
}

// Base returns the image to build on: the one asked for when the engine has it or a
// registry gives it, otherwise the stand-in when that is here. ErrNoBase otherwise.
func Base(ctx context.Context, e *engine.Engine, ui *term.UI, asked string) (string, error) {
	name, err := Local(ctx, &e.Client, asked)
	switch {
	case err != nil:
		return "", err
	case name == "":
		return asked, pull(ctx, e, ui, asked, nil)
	case name != asked:
		noteStandIn(ui, name, asked)
	}
	return name, nil
}

// Local returns the image that the engine has for a base image: that itself, or its stand-in; "" for none.
func Local(ctx context.Context, c *engine.Client, asked string) (string, error) {
	own, _, replaceable := OwnBase(asked)
	if has, err := c.HasImage(ctx, asked); err != nil || has {
		return asked, err
	}
	if !replaceable {
		return "", nil
	}
	if has, err := c.HasImage(ctx, own); err != nil || has {
		return own, err
	}
	return "", nil
}

func noteStandIn(ui *term.UI, own, asked string) {
	ui.Note("base image: %s, made here, in place of %s", own, asked)
}

// pull pulls an image, for a platform if there is one.
func pull(ctx context.Context, e *engine.Engine, ui *term.UI, name string, platform []string) error {
	args := []string{"pull", "--quiet", name}
	if len(platform) > 0 {
		args = append(args, "--platform", platform[0])
	}
	step := ui.Step("pulling base image "+name, "pulled base image "+name)
	err := step.End(e.Run(ctx, e.Command(args...)))
	var failed *run.Error
	if errors.As(err, &failed) {
		if len(platform) > 0 {
			return exit.Errorf(exit.Missing, "%w: %s for %s: %s; fix: set %s to an image that a registry has for %[3]s",
				ErrNoBase, name, platform[0], failed.Stderr, project.BaseImage)
		}
		fix := exit.Fix{Type: "mage setup", Note: "makes one where it can, or set " + project.BaseImage + " to an image that can be reached"}
		return exit.Fixable(exit.Missing, fix, "%w: %s: %s", ErrNoBase, name, failed.Stderr)
	}
	if err == nil {
		ui.Trace("base image: %s (pulled)", name)
	}
	return err
}

// Bootstrap makes the stand-in for asked with mmdebstrap. sudo makes that run as root
// (see run.Cmd).
func Bootstrap(ctx context.Context, e *engine.Engine, r run.Runner, asked string, sudo []string) error {
	own, suite, ok := OwnBase(asked)
	if !ok {
		return exit.Errorf(exit.Missing, "%w: nothing can stand in for %s; set %s to an image that can be reached",
			ErrNoBase, asked, project.BaseImage)
	}
	in, out := io.Pipe()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := r.Run(ctx, run.Cmd{Name: "mmdebstrap", Args: []string{"--variant=minbase", "--quiet", suite, "-"}, Sudo: sudo, Stdout: out})
		_ = out.CloseWithError(err) // never fails; nil becomes EOF
		return err
	})
	g.Go(func() error {
		c := e.Command("import", "--message", "Debian "+suite+" from Debian's archive, made by mage setup", "-", own)
		c.Stdin = in
		err := e.Run(ctx, c)
		_ = in.CloseWithError(err) // never fails
		return err
	})
	if err := g.Wait(); err != nil {
		return exit.Errorf(exit.Missing, "making base image %s from Debian's archive: %w", own, err)
	}
	return nil
}
