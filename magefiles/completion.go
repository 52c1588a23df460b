//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Completion prints what makes bash, zsh or fish complete targets, flags and names.
// For bash: source <(mage completion bash), here and in .bashrc. docs/completion.md has the
// other shells.
func Completion(ctx context.Context, shell string,
	line *string, // print instead what may stand at the end of this line: what the script asks
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Completion(ctx, sources, cli.Completion{Shell: shell, Line: line})
	})
}
