package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Verify proves on the running containers that nobody is root and that files come out right.
// It looks at users, capabilities and isolation, has every service leave a canary in the data
// folder for the next one, and puts a container of root before the same checks, which must
// find it out. Exit code 1 when anything fails; docs/verify.md of IM2 explains each
// check.
func Verify(ctx context.Context,
	service *string, // only this one's containers
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Verify(ctx, value(service), value(json))
	})
}
