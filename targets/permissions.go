package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// ResetPermissions gives the data folder the app user as owner, 755 and 644.
// It creates missing folders, follows no links, and does not write what is right already. What
// you may not change is changed through the Docker engine, if you may use it.
func ResetPermissions(ctx context.Context,
	dryRun *bool, // only count what would change
	json *bool, // print the summary as JSON
	path *string, // only this folder in the data folder
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.ResetPermissions(ctx, cli.Reset{DryRun: value(dryRun), JSON: value(json), Path: value(path)})
	})
}
