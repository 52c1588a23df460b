package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Build builds the images that are stale, all in one BuildKit run, and says why each is.
// Go services are compiled first.
func Build(ctx context.Context,
	module *string, // only this one
	force *bool, // also build what is up to date
	pull *bool, // pull the base images again first
	jobs *int, // build at most this many at once (default: BuildKit decides)
	dryRun *bool, // say what is stale and why; build nothing
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Build(ctx, cli.Build{
			Module: value(module), Force: value(force), Pull: value(pull), Jobs: value(jobs), DryRun: value(dryRun), JSON: value(json),
		})
	})
}

// Clean removes compiled services and built images, never data.
func Clean(ctx context.Context,
	tools *bool, // also the tools that setup built (.im2/)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Clean(ctx, value(tools)) })
}
