// Package setup brings a machine to the point where the project builds and runs: Docker
// Engine, Compose, Buildx, a base image, and settings that fit the user. Each step looks
// first and does nothing where nothing is needed.
package setup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/im2-audio/im2/internal/build/image"
	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// Setup is one run of the target.
type Setup struct {
	// Root is the project's folder, Home that of the IM2 checkout.
	Root, Home string
	// Environ is the process environment.
	Environ []string
	// Runner runs the commands.
	Runner run.Runner
	// UI is told what goes on.
	UI *term.UI
	// Stdin answers questions; nil where nobody is there to be asked.
	Stdin io.Reader
	// IDs decides whether the user's own IDs go into .env.local: nil asks.
	IDs *bool
	// Host is what is known of this machine.
	Host Host

	done  int // steps that changed something
	spent term.Spent
}

// Run does every step that is needed and prints what is in use.
func (s *Setup) Run(ctx context.Context) error {
	if err := s.settingsFile(ctx); err != nil {
		return err
	}
	if err := s.offerIDs(ctx, s.remapped(ctx)); err != nil {
		return err
	}
	p, err := project.Open(ctx, s.Root, s.Environ)
	if err != nil {
		return err
	}
	settings := p.Settings
	e, base, err := s.prepare(ctx, settings)
	if err != nil {
		return err
	}
	s.UI.Table([]string{"PART", "IN USE"}, [][]string{
		{"Docker Engine", e.Server.Version},
		{"Docker Compose", e.Compose.Version},
		{"Docker Buildx", e.Buildx.Version},
		{"base image", base},
		{"app user", s.appUser(settings)},
	})
	if s.done == 0 {
		s.UI.Note("nothing was missing")
	} else if !s.UI.Live() { // there, each step has its time
		s.spent.Print(s.UI)
	}
	return nil
}

func (s *Setup) appUser(settings project.Settings) string {
	uid, gid := settings.Get(settings.UIDName), settings.Get(settings.GIDName)
	return fmt.Sprintf("%s:%s (%s)", uid.Value, gid.Value, uid.Where())
}

// prepare brings about the engine, the base image, and the tools, which are built beside the other two: that takes
// the longest, and needs nothing of them.
func (s *Setup) prepare(ctx context.Context, settings project.Settings) (*engine.Engine, string, error) {
	building, cancel := context.WithCancel(ctx)
	defer cancel()
	builds := &toolBuilds{kit: tools.Kit{Home: s.Home, Runner: s.Runner, UI: s.UI}}
	if s.Host.Root {
		builds.ownHome = run.Getenv(s.Environ, "HOME")
	}
	base, err := s.engineAndBase(building, settings, builds)
	if err != nil {
		cancel() // nothing would use the tools
	}
	if buildErr := builds.wait(); err == nil {
		err = buildErr
	}
	for _, b := range builds.all {
		s.spent.Add("build "+b.tool.Name, b.took)
		s.done++
	}
	if err != nil {
		return nil, "", err
	}
	e, err := engine.Find(ctx, engine.Options{Runner: s.Runner, Environ: settings.Environ(), Home: s.Home})
	return e, base, err
}

func (s *Setup) engineAndBase(ctx context.Context, settings project.Settings, builds *toolBuilds) (base string, err error) {
	options := engine.Options{Runner: s.Runner, Environ: settings.Environ(), Home: s.Home}
	e, err := engine.Look(ctx, options)
	if err != nil {
		if errors.Is(err, engine.ErrNotInstalled) && s.Host.Root && s.Host.OS == "linux" {
			builds.start(ctx, &engine.Engine{}) // what will be installed has neither
		}
		if err := s.spent.Time("install and start Docker Engine", func() error { return s.startEngine(ctx, options, e, err) }); err != nil {
			return "", err
		}
		if e, err = engine.Look(ctx, options); err != nil {
			return "", err
		}
	}
	if err := e.Judge(); err != nil {
		return "", err
	}
	builds.start(ctx, e)
	err = s.spent.Time("base image", func() (err error) {
		base, err = s.base(ctx, e, settings.Get(project.BaseImage).Value)
		return err
	})
	return base, err
}

func (s *Setup) base(ctx context.Context, e *engine.Engine, asked string) (string, error) {
	had, err := e.HasImage(ctx, asked)
	if err != nil {
		return "", err
	}
	base, err := image.Base(ctx, e, s.UI, asked)
	if err == nil {
		if !had && base == asked {
			s.done++ // pulled
		}
		return base, nil
	}
	own, suite, ok := image.OwnBase(asked)
	if !ok || ctx.Err() != nil {
		return "", err
	}
	s.UI.Note("base image: no registry gives %s; making %s from Debian's archive", asked, own)
	s.done++
	// The keyring: on Ubuntu, mmdebstrap alone would trust only Ubuntu's archive.
	sudo, err := s.needs(ctx, "mmdebstrap", err, "mmdebstrap", "debian-archive-keyring")
	if err != nil {
		return "", err
	}
	step := s.UI.Step("fetching Debian "+suite, "made "+own+" from Debian's archive")
	return own, step.End(image.Bootstrap(ctx, e, s.Runner, asked, sudo))
}

// ask returns the answer to a yes-or-no question; only Enter means yes.
func (s *Setup) ask(ctx context.Context, question string) (bool, error) {
	s.UI.Note("%s [Y/n]", question)
	answers := make(chan string, 1)
	go func() { // a read from a terminal cannot be interrupted; it ends with the process
		line, err := bufio.NewReader(s.Stdin).ReadString('\n')
		if err != nil && line == "" {
			line = "no"
		}
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return false, fmt.Errorf("waiting for an answer: %w", ctx.Err())
	case answer := <-answers:
		return answer == "" || answer == "y" || answer == "yes", nil
	}
}
