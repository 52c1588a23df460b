package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// ResetPermissions gives the data folder the app user as owner, 755 and 644.
// Missing folders are made first. No link is followed; what is right already is not
// written. What this user may not change is changed through the Docker engine, where the
// user may use that. Exit code 1 when something could not be set.
func ResetPermissions(ctx context.Context,
	dryRun *bool, // only count what would change
	json *bool, // print the summary as JSON
	path *string, // only this folder in the data folder
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.ResetPermissions(ctx, cli.Reset{DryRun: value(dryRun), JSON: value(json), Path: value(path)})
	})
}
