package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// startEngine installs Docker Engine if it is missing and starts it. cause is why there is none yet; if nothing
// can be done from here, it is returned, with what to do by hand.
func (s *Setup) startEngine(ctx context.Context, o engine.Options, looked *engine.Engine, cause error) error {
	absent := errors.Is(cause, engine.ErrNotInstalled) || errors.Is(cause, engine.ErrNotAnswering)
	if ctx.Err() != nil || !absent {
		return cause // starting an engine would not help
	}
	cause = engine.Bare(cause) // its cure is to run what runs
	if looked != nil && looked.Context != "" && looked.Context != "default" {
		return exit.Errorf(exit.Missing, "%w; start the engine of Docker context %q, or \"docker context use default\" for this machine's", cause, looked.Context)
	}
	if remote := run.Getenv(s.Environ, "DOCKER_HOST"); remote != "" {
		if errors.Is(cause, engine.ErrNotInstalled) {
			return exit.Errorf(exit.Missing, "DOCKER_HOST is %q: %w; install that command (package docker-cli or the like), then run \"mage setup\" again", remote, cause)
		}
		return exit.Errorf(exit.Missing, "DOCKER_HOST is %q: %w; start that engine, or unset DOCKER_HOST to use this machine's", remote, cause)
	}
	if s.Host.OS != "linux" {
		return exit.Errorf(exit.Missing, "%w; install and start Docker Desktop (or another Docker Engine), then run \"mage setup\" again", cause)
	}
	sudo, err := s.needs(ctx, "dockerd", cause, "docker.io")
	if err != nil {
		return err
	}
	if errors.Is(cause, engine.ErrNotInstalled) {
		// Newer releases keep the client in a package of its own, which the engine's
		// only recommends.
		if _, err := s.needs(ctx, "docker", cause, "docker-cli"); err != nil {
			return err
		}
	}
	if !s.Host.Root && sudo == nil {
		return exit.Errorf(exit.Missing, "%w; start it (\"sudo systemctl start docker\"), then run \"mage setup\" again", cause)
	}
	s.done++
	return s.start(ctx, o, sudo)
}

// way is one way to start the engine.
type way struct {
	name string
	do   func() error
	// wait is how long the engine then may take to answer.
	wait time.Duration
}

func (s *Setup) start(ctx context.Context, o engine.Options, sudo []string) error {
	command := func(wait time.Duration, argv ...string) way {
		return way{strings.Join(argv, " "), func() error { return s.root(ctx, sudo, argv...) }, wait}
	}
	var ways []way
	if s.Host.Systemd {
		ways = append(ways, command(30*time.Second, "systemctl", "start", "docker"))
	}
	ways = append(ways, command(10*time.Second, "service", "docker", "start"),
		// Where neither can (a container, a machine with a low limit), the daemon
		// itself, in a session of its own.
		way{"dockerd", func() error { return s.daemon(sudo) }, 30 * time.Second})
	var failures []string
	for _, w := range ways {
		s.UI.Trace("starting the engine: %s", w.name)
		step := s.UI.Step("starting the engine: "+w.name, "started the engine: "+w.name)
		err := w.do()
		if err == nil {
			err = s.answers(ctx, o, w.wait)
		}
		if err = step.End(err); err == nil || ctx.Err() != nil || errors.Is(err, engine.ErrDenied) {
			return err // it runs, or nobody waits for it, or it runs for others
		}
		failures = append(failures, w.name+": "+err.Error())
	}
	return exit.Errorf(exit.Missing, "starting Docker Engine: %s%s", strings.Join(failures, "; "), s.daemonSaid())
}

func (s *Setup) daemonLog() string { return filepath.Join(s.Home, ".im2", "dockerd.log") }

func (s *Setup) daemonSaid() string {
	const kept = 5
	text, err := os.ReadFile(s.daemonLog())
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Sprintf("; its log, %s, ends with:\n%s", s.daemonLog(), strings.Join(lines[max(0, len(lines)-kept):], "\n"))
}

func (s *Setup) daemon(sudo []string) error {
	log := s.daemonLog()
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return fmt.Errorf("making a folder for the engine's log: %w", err)
	}
	return run.Detach(run.Cmd{Name: "dockerd", Sudo: sudo, Env: s.Environ}, log)
}

func (s *Setup) answers(ctx context.Context, o engine.Options, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		_, err := engine.Look(ctx, o)
		if err == nil || ctx.Err() != nil || errors.Is(err, engine.ErrDenied) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// needs installs a program's packages on Debian unless the program is there. It returns what makes a command run
// as root: nil for root itself, and if that needs a password. cause is what the program is needed for.
func (s *Setup) needs(ctx context.Context, program string, cause error, packages ...string) ([]string, error) {
	sudo, may := s.sudo(ctx)
	if found(program) {
		return sudo, nil
	}
	pkg := strings.Join(packages, " ")
	if !s.Host.Debian {
		return nil, exit.Errorf(exit.Missing, "%w; install %q with this system's package manager (package %s or the like), then run \"mage setup\" again", cause, program, pkg)
	}
	if !may {
		return nil, exit.Fixable(exit.Missing, exit.Fix{Type: "sudo apt-get install " + pkg, Note: `, then run "mage setup" again`}, "%w", cause)
	}
	s.UI.Trace("installing %s from the distribution", pkg)
	s.done++
	step := s.UI.Step("installing "+pkg+" from the distribution", "installed "+pkg)
	return sudo, step.End(s.install(ctx, sudo, packages))
}

func (s *Setup) install(ctx context.Context, sudo, packages []string) error {
	// A fresh Ubuntu updates itself in the background and holds the lock meanwhile.
	const patience = "DPkg::Lock::Timeout=120"
	if err := s.root(ctx, sudo, "apt-get", "-o", patience, "update", "-q"); err != nil {
		return exit.Errorf(exit.Missing, "reading the distribution's package lists: %w", err)
	}
	install := append([]string{"apt-get", "-o", patience, "install", "-q", "-y", "--no-install-recommends"}, packages...)
	if err := s.root(ctx, sudo, install...); err != nil {
		return exit.Errorf(exit.Missing, "installing %s: %w", strings.Join(packages, " "), err)
	}
	return nil
}

// found also searches the system's folders that an ordinary user's PATH often leaves out.
func found(program string) bool {
	if _, err := run.Find(program); err == nil {
		return true
	}
	for _, folder := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if info, err := os.Stat(filepath.Join(folder, program)); err == nil && info.Mode().Perm()&0o111 != 0 {
			return true
		}
	}
	return false
}

// sudo returns what makes a command run as root (nil for root itself), and whether that works without a
// password.
func (s *Setup) sudo(ctx context.Context) ([]string, bool) {
	if s.Host.Root {
		return nil, true
	}
	argv := []string{"sudo", "-n"}
	if err := s.Runner.Run(ctx, run.Cmd{Name: "true", Sudo: argv}); err != nil {
		return nil, false
	}
	return argv, true
}

func (s *Setup) root(ctx context.Context, sudo []string, argv ...string) error {
	// By env(1), since sudo drops variables.
	args := append([]string{"DEBIAN_FRONTEND=noninteractive"}, argv...)
	return s.Runner.Run(ctx, run.Cmd{Name: "env", Args: args, Sudo: sudo, Env: s.Environ})
}
