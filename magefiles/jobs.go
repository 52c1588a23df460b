//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Jobs lists the jobs: where each is, how far, how often it was tried, how old it is, what went wrong.
// The states are incoming, pending, separating, separated, organizing, done, rejected and
// failed.
func Jobs(ctx context.Context,
	state *string, // only those in this state; several with commas between them
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Jobs(ctx, cli.Jobs{State: value(state), JSON: value(json)})
	})
}

// Retry brings a failed job back among those that wait; -all in place of an ID brings back every one.
// It has three attempts again; its history stays. What was rejected is a file: move it from
// rejected/ to input/.
func Retry(ctx context.Context, id string) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Retry(ctx, id) })
}
