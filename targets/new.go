package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
	"github.com/im2-audio/im2/internal/scaffold"
)

// New makes a service from a Dockerfile template and adds it to the Compose file.
// Its folder gets a small program that is healthy at once; of the Compose file nothing else
// changes. All of it is made, or nothing. The flags come behind the name:
// mage new loudness -dryRun. docs/adding-a-service.md of IM2 tells more.
func New(ctx context.Context, name string,
	user *string, // the name of the user it runs as (default appuser)
	dryRun *bool, // print what would be written, as a diff; write nothing
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.New(ctx, cli.New{Name: name, User: or(user, scaffold.DefaultUser), DryRun: value(dryRun), JSON: value(json)})
	})
}
