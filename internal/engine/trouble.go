package engine

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/im2-audio/im2/internal/exit"
)

// trouble is why there is no engine to be used, and what mends that.
type trouble struct {
	// kind is one of the errors of this package.
	kind error
	// text is what is wrong; "" where kind says it all.
	text string
	// cure is one command, or one thing to be done; "" leaves it to the caller.
	cure string
}

// Error implements error.
func (t *trouble) Error() string {
	text := t.text
	if text == "" {
		text = t.kind.Error()
	}
	if t.cure != "" {
		text += "; " + t.cure
	}
	return text
}

// Unwrap returns the kind.
func (t *trouble) Unwrap() error { return t.kind }

// ail is a trouble with its exit code.
func ail(kind error, said, cure string) error {
	t := &trouble{kind: kind, cure: cure}
	if said != "" {
		t.text = kind.Error() + ": " + said
	}
	return exit.With(exit.Missing, t)
}

// Bare returns an error of this package without what mends it, for who is doing just that; any
// other error as it is.
func Bare(err error) error {
	var t *trouble
	if !errors.As(err, &t) {
		return err
	}
	return exit.With(exit.Missing, &trouble{kind: t.kind, text: t.text})
}

// notInstalled is the error where there is no docker command.
func notInstalled() error {
	return exit.With(exit.Missing, &trouble{
		kind: ErrNotInstalled, text: ErrNotInstalled.Error() + ` (no command "docker" in PATH)`, cure: `"mage setup" installs it or says how`,
	})
}

// old is the error of a part that is missing or too old.
func old(name, version, least string) error {
	t := &trouble{kind: ErrTooOld, text: fmt.Sprintf("%s %s is too old (needed: %s)", name, version, least)}
	if version == "" {
		t.text = fmt.Sprintf("%s is missing (needed: %s)", name, least)
	}
	t.cure = `"mage setup" builds one for this project`
	if name == engineName {
		t.cure = `update it with what installed it, as "sudo apt-get install docker.io" does`
	}
	return exit.With(exit.Missing, t)
}

// hangs is the error of an engine that says nothing.
func hangs() error {
	cure := `"sudo systemctl restart docker", then this again`
	if runtime.GOOS != "linux" {
		cure = "restart Docker Desktop, then try this again"
	}
	return ail(ErrNotAnswering, "nothing came back within "+answerWithin.String(), cure)
}

// start is what mends an engine that does not answer: what it takes to reach another one, where
// somebody has chosen that this one be asked.
func (e *Engine) start() string {
	if host := lookup(e.env, "DOCKER_HOST"); host != "" {
		return fmt.Sprintf(`"unset DOCKER_HOST" goes back to this machine's engine (it is %s)`, host)
	}
	if e.Context != "" && e.Context != "default" {
		return fmt.Sprintf(`"docker context use default" goes back to this machine's engine (the context is %s)`, e.Context)
	}
	return `"mage setup" starts it or says how`
}
