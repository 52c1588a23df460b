package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
	"github.com/im2-audio/im2/internal/scaffold"
)

// New creates a service from a Dockerfile template and adds it to the Compose file.
// The service has a small program and is healthy at once. Everything is created, or nothing.
// Flags come after the name: mage new loudness -dryRun. See docs/adding-a-service.md of IM2.
func New(ctx context.Context, name string,
	user *string, // the name of the service's user (default appuser)
	dryRun *bool, // print what would be written, as a diff; write nothing
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.New(ctx, cli.New{Name: name, User: or(user, scaffold.DefaultUser), DryRun: value(dryRun), JSON: value(json)})
	})
}
