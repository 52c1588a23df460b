package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Doctor checks whether this machine can do what the project needs, and says how to fix the rest.
// It starts a container, builds an image, changes the owner of a file, and removes all of it
// again. See docs/doctor.md of IM2.
func Doctor(ctx context.Context,
	check *string, // only these checks, with commas, and those that they need
	list *bool, // list the checks; run none
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Doctor(ctx, cli.Doctor{Check: value(check), List: value(list), JSON: value(json)})
	})
}

// Env lists every setting: its value, who set it and where, and what it is for.
// Other variables are not shown.
func Env(ctx context.Context,
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Env(ctx, value(json)) })
}
