package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Doctor tries whether this machine can do what the project needs, and says what mends the rest.
// It starts a container, builds an image, has a file change hands, and removes all of it
// again. What hangs ends as a failure. Exit code 1 when a check fails; docs/doctor.md
// of IM2 explains each.
func Doctor(ctx context.Context,
	check *string, // only this check, with those that it needs; several with commas between them
	list *bool, // name the checks and do none
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Doctor(ctx, cli.Doctor{Check: value(check), List: value(list), JSON: value(json)})
	})
}

// Env lists every setting: its value, who set it and where, and what it is for.
// Of other variables nothing is shown. Exit code 2 when one cannot be used; the rest is
// listed all the same.
func Env(ctx context.Context,
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Env(ctx, value(json)) })
}
