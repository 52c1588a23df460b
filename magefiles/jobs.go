//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Jobs lists the jobs: stage, progress, attempts, age, error.
// The states are incoming, pending, separating, separated, organizing, done, rejected and
// failed.
func Jobs(ctx context.Context,
	state *string, // only in these states, with commas
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Jobs(ctx, cli.Jobs{State: value(state), JSON: value(json)})
	})
}

// Retry puts a failed job back into the queue; -all in place of an ID puts back every one.
// It has three attempts again and keeps its history. A rejected song is a file: move it from
// rejected/ to input/.
func Retry(ctx context.Context, id string) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Retry(ctx, id) })
}
