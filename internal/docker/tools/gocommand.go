package tools

import (
	"errors"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// installGo is the fix for a missing Go command.
const installGo = "install Go (https://go.dev/dl), or add the folder of its command to PATH"

// NeedGo returns an error with the exit code Missing where there is no Go command.
func NeedGo() error {
	if _, err := run.Find("go"); err != nil {
		return exit.Fixable(exit.Missing, exit.Fix{Note: installGo}, "there is no command \"go\" in PATH")
	}
	return nil
}

// ExplainGo adds a fix to the error of a Go command that lacks something outside of the
// code: the command itself, a cache, or the modules that the code needs. Such an error has the
// exit code Missing. Every other error, such as that of code that does not compile, stays as it is.
func ExplainGo(err error) error {
	var failed *run.Error
	if !errors.As(err, &failed) {
		return err
	}
	var fix exit.Fix
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
		fix = exit.Fix{Note: installGo}
	case said("failed to initialize build cache", "build cache is required"):
		fix = exit.Fix{Type: "export GOCACHE=FOLDER", Note: "names one that you may write"}
	case said("GOPROXY=off", `: Get "http`, "dial tcp", "toolchain not available"):
		fix = exit.Fix{Type: "go mod download", Note: "fetches what is missing; that once it needs the network"}
	default:
		return err
	}
	return &exit.Error{Code: exit.Missing, Err: err, Fix: fix}
}
