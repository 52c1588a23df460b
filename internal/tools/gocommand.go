package tools

import (
	"errors"
	"fmt"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// installGo mends that there is no Go command.
const installGo = "install Go (https://go.dev/dl), or add the folder of its command to PATH"

// NeedGo returns an error with the exit code Missing where there is no Go command.
func NeedGo() error {
	if _, err := run.Find("go"); err != nil {
		return exit.Errorf(exit.Missing, "there is no command \"go\" in PATH; %s", installGo)
	}
	return nil
}

// ExplainGo adds what mends it to the error of a Go command that lacks something outside of the
// code: the command itself, a cache, or the modules that the code needs. Such an error has the
// exit code Missing. Every other error, such as that of code that does not compile, stays as it is.
func ExplainGo(err error) error {
	var failed *run.Error
	if !errors.As(err, &failed) {
		return err
	}
	var cure string
	said := func(texts ...string) bool {
		for _, text := range texts {
			if strings.Contains(failed.Stderr, text) {
				return true
			}
		}
		return false
	}
	switch {
	case run.NotFound(err):
		cure = installGo
	case said("failed to initialize build cache", "build cache is required"):
		cure = `"export GOCACHE=FOLDER" names one that you may write`
	case said("GOPROXY=off", `: Get "http`, "dial tcp", "toolchain not available"):
		cure = `"go mod download" fetches what is missing; that once it needs the network`
	default:
		return err
	}
	return exit.With(exit.Missing, fmt.Errorf("%w; %s", err, cure))
}
