//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/target"
)

// ResetPermissions (reset-permissions) gives pipeline-data the app user as owner, 755 and 644.
// Missing folders are made first. No link is followed; what is right already is not
// written. Exit code 1 when something could not be set.
func ResetPermissions(ctx context.Context,
	dryRun *bool, // only count what would change
	json *bool, // print the summary as JSON
) error {
	return target.Run(ctx, home(), func(ctx context.Context, t target.Target) error {
		return t.ResetPermissions(ctx, value(dryRun), value(json))
	})
}
