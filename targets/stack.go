package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Up builds and starts the services, then waits until every one is healthy.
// The data folders are created first, with the app user as owner.
func Up(ctx context.Context) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Up(ctx, nil) })
}

// Down stops the services and removes their containers; data and images stay.
func Down(ctx context.Context) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Down(ctx) })
}

// Status shows each service's state, health, UID:GID and image.
func Status(ctx context.Context,
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Status(ctx, value(json)) })
}

// Logs prints the services' logs.
func Logs(ctx context.Context,
	service *string, // only this service's
	follow *bool, // print new lines until interrupted
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Logs(ctx, value(service), value(follow))
	})
}

// Restart restarts the services and waits until every one is healthy.
func Restart(ctx context.Context,
	service *string, // only this one
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Restart(ctx, value(service)) })
}
