package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/im2-audio/im2/internal/cli"
)

// ended is the exit code of a command that im2 ran for its user, and that has said itself what went wrong.
type ended int

func (e ended) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// throughCommands are the commands whose arguments are those of another program. The library reads none of them.
func throughCommands() []*cobra.Command {
	compose := &cobra.Command{
		Use: "compose ARGUMENT...", Short: "Runs Docker Compose in the project, with its settings",
		Long: `Runs Docker Compose in the project: the Compose that the other commands use, with the settings of .env and
.env.local. Its exit code is that of Compose.`,
		Example: "  im2 compose config --images  which images there are\n  im2 compose top              which processes run",
		RunE: through("ARGUMENT", 1, func(ctx context.Context, t cli.Target, words []string) (int, error) {
			return t.Compose(ctx, os.Stdin, words)
		}),
	}
	exec := &cobra.Command{
		Use: "exec SERVICE COMMAND...", Short: "Runs a command in a service's container, as its user",
		Long: `Runs a command in the container of a service, as the user and with the isolation of the service. On a terminal it
is interactive. Its exit code is that of the command.`,
		Example: "  im2 exec web sh         a shell\n  im2 exec web ls -l /    what follows the command is its own",
		RunE: through("SERVICE and COMMAND", 2, func(ctx context.Context, t cli.Target, words []string) (int, error) {
			return t.Exec(ctx, os.Stdin, words[0], words[1:])
		}),
	}
	for _, c := range []*cobra.Command{compose, exec} {
		c.GroupID, c.DisableFlagParsing, c.DisableFlagsInUseLine = groups[0].title, true, true
	}
	exec.ValidArgsFunction = func(c *cobra.Command, before []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(before) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return complete("service")(c, nil, typed)
	}
	return []*cobra.Command{compose, exec}
}

// through returns what runs a command with at least so many words, of the name needed.
func through(needed string, least int, do func(context.Context, cli.Target, []string) (int, error)) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, words []string) error {
		if len(words) > 0 && (words[0] == "--help" || words[0] == "-h" || words[0] == "-help") {
			return c.Help()
		}
		if len(words) > 0 && words[0] == "--" {
			words = words[1:]
		}
		if len(words) < least {
			return fmt.Errorf("%q needs its %s: %s", c.Name(), needed, c.UseLine())
		}
		return cli.Run(c.Context(), func(ctx context.Context, t cli.Target) error {
			code, err := do(ctx, t, words)
			if err == nil && code != 0 {
				err = ended(code)
			}
			return err
		})
	}
}
