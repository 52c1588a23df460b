package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Setup installs and starts what is missing: Docker, Compose, Buildx, a base image.
// On Debian and Ubuntu the engine comes from the distribution (as root or with
// passwordless sudo); elsewhere it says what to install. Compose and Buildx are built into
// .im2/ if the machine's are missing or too old; your Docker configuration does not change.
// If your UID and GID differ from .env, it offers to write yours to .env.local.
func Setup(ctx context.Context,
	ids *bool, // write your own IDs to .env.local (true) or not (false) without asking
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Setup(ctx, ids) })
}
