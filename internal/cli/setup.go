package cli

import (
	"context"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/im2-audio/im2/internal/machine/setup"
)

// Setup brings the machine to where the project builds and runs. ids decides whether
// the user's own IDs go into .env.local; nil asks.
func (t Target) Setup(ctx context.Context, ids *bool) error {
	var stdin io.Reader
	if term.IsTerminal(int(os.Stdin.Fd())) {
		stdin = os.Stdin
	}
	s := setup.Setup{
		Root: t.Root, Home: t.Home, Environ: t.Environ, Runner: t.Runner, UI: t.UI,
		Stdin: stdin, IDs: ids, Host: setup.ThisHost(os.Getenv),
	}
	return s.Run(ctx)
}
