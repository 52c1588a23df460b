package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/im2-audio/im2/internal/run"
)

// Through runs Compose with arguments in the project, with its settings, this process's output, and stdin. It
// returns Compose's exit code; the error is why it did not run to its end.
func (s Stack) Through(ctx context.Context, stdin io.Reader, args []string) (int, error) {
	e, err := s.Client.Find(ctx)
	if err != nil {
		return 0, err
	}
	c := e.ComposeCommand(s.Project.Root, args...)
	c.Stdin, c.Stdout, c.Stderr = stdin, s.UI.Stdout(), s.UI.Stderr()
	err = e.Run(ctx, c)
	var failed *run.Error
	if errors.As(err, &failed) && failed.ExitCode() > 0 && ctx.Err() == nil {
		return failed.ExitCode(), nil // Compose has said why
	}
	if err != nil {
		return 0, fmt.Errorf("running Compose: %w", err)
	}
	return 0, nil
}

// Exec runs a command in the first container of a service, as the user that the service has. It returns
// the command's exit code.
func (s Stack) Exec(ctx context.Context, stdin io.Reader, service string, command []string) (int, error) {
	args := []string{"exec"}
	if file, ok := stdin.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) || s.UI.Plain() {
		args = append(args, "--no-TTY") // "im2 exec web cat < file" gives the file's bytes
	}
	// Not a list of them: Compose would take the second for the command.
	if err := s.checkService(service); err != nil {
		return 0, err
	}
	if len(command) > 1 && command[0] == "--" { // as for other programs that run one
		command = command[1:]
	}
	return s.Through(ctx, stdin, append(append(args, service), command...))
}
