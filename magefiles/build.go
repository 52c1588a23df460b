//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/target"
)

// Build compiles the services and builds their images, all in one BuildKit run.
// Every build gets the IDs and the base image that are in force.
func Build(ctx context.Context,
	module *string, // build only this one
) error {
	return target.Run(ctx, home(), func(ctx context.Context, t target.Target) error { return t.Build(ctx, value(module)) })
}
