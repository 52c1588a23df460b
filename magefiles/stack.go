//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Up builds and starts the pipeline, then waits until every service is healthy.
// The data folders and the model cache are created first, with the app user as owner.
func Up(ctx context.Context,
	replicas *int, // number of demucs workers (default: as memory and processors allow)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Up(ctx, replicas) })
}

// Status shows each service's state, health, UID:GID and image, and the unfinished jobs.
func Status(ctx context.Context,
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Status(ctx, value(json)) })
}
