package engine

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// trouble is why there is no engine to be used.
type trouble struct {
	// kind is one of the errors of this package.
	kind error
	// text is what is wrong; "" where kind says it all.
	text string
}

// Error implements error.
func (t *trouble) Error() string {
	if t.text == "" {
		return t.kind.Error()
	}
	return t.text
}

// Unwrap returns the kind.
func (t *trouble) Unwrap() error { return t.kind }

func ail(kind error, said string, fix exit.Fix) error {
	t := &trouble{kind: kind}
	if said != "" {
		t.text = kind.Error() + ": " + said
	}
	return &exit.Error{Code: exit.Missing, Err: t, Fix: fix}
}

// Bare returns an error of this package without what fixes it, for who is doing just that; any
// other error as it is.
func Bare(err error) error {
	var t *trouble
	if !errors.As(err, &t) {
		return err
	}
	return exit.With(exit.Missing, t)
}

func notInstalled() error {
	t := &trouble{kind: ErrNotInstalled, text: ErrNotInstalled.Error() + ` (no command "docker" in PATH)`}
	return &exit.Error{Code: exit.Missing, Err: t, Fix: exit.Fix{Type: "mage setup", Note: "installs it or says how"}}
}

func old(name, version, least string) error {
	t := &trouble{kind: ErrTooOld, text: fmt.Sprintf("%s %s is too old (needed: %s)", name, version, least)}
	if version == "" {
		t.text = fmt.Sprintf("%s is missing (needed: %s)", name, least)
	}
	return &exit.Error{Code: exit.Missing, Err: t, Fix: exit.Fix{Type: "mage setup", Note: "builds one for this project"}}
}

// podman is the error where Podman answers; version is "" where that is not known.
func (e *Engine) podman(version string) error {
	t := &trouble{kind: ErrPodman, text: strings.TrimSpace(ErrPodman.Error()+" "+version) + ", which has no BuildKit to build images with"}
	fix := e.start()
	if fix.Type == "mage setup" {
		fix = exit.Fix{Note: `remove what gives Docker's command or socket to Podman (package podman-docker), then "mage setup" installs Docker Engine`}
	}
	return &exit.Error{Code: exit.Missing, Err: t, Fix: fix}
}

// Restart is what fixes an engine that hangs.
var Restart = restart()

func restart() exit.Fix {
	if runtime.GOOS == "linux" {
		return exit.Fix{Type: "sudo systemctl restart docker"}
	}
	return exit.Fix{Note: "restart Docker Desktop"}
}

func hangs() error {
	fix := Restart
	fix.Note += ", then try this again"
	return ail(ErrNotAnswering, "no answer within "+answerWithin.String(), fix)
}

// StartRootless is what fixes a rootless engine that does not answer.
var StartRootless = exit.Fix{Type: "systemctl --user start docker", Note: "starts your rootless engine"}

// start returns what fixes an engine that does not answer; if DOCKER_HOST or a context chose that engine, how to
// go back to this machine's.
func (e *Engine) start() exit.Fix {
	host := run.Getenv(e.env, "DOCKER_HOST")
	own := run.Getenv(e.env, "XDG_RUNTIME_DIR")
	if strings.HasPrefix(host, "unix:///run/user/") || own != "" && strings.HasPrefix(host, "unix://"+own+"/") || host == "" && e.Context == "rootless" {
		return StartRootless
	}
	if host != "" {
		return exit.Fix{Type: "unset DOCKER_HOST", Note: fmt.Sprintf("goes back to this machine's engine (it is %s)", host)}
	}
	if e.Context != "" && e.Context != "default" {
		return exit.Fix{Type: "docker context use default", Note: fmt.Sprintf("goes back to this machine's engine (the context is %s)", e.Context)}
	}
	return exit.Fix{Type: "mage setup", Note: "starts it or says how"}
}
