package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Verify proves on the running containers that nothing runs as root and files get the right owner.
// It checks users, capabilities and isolation, lets every service create files in the data
// folder for the next one, and tests its own checks on a container that runs as root. See
// docs/verify.md of IM2.
func Verify(ctx context.Context,
	service *string, // only this service's containers
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Verify(ctx, value(service), value(json))
	})
}
