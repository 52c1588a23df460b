//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// The scripts of package usage know a checkout of IM2 by the name of this file.

// Completion prints a script that makes bash, zsh or fish complete targets, flags and names.
// For bash: source <(mage completion bash), here and in .bashrc. See docs/completion.md for
// the other shells.
func Completion(ctx context.Context, shell string,
	line *string, // print the possible ends of this line, for the script
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Completion(ctx, sources, cli.Completion{Shell: shell, Line: line})
	})
}
