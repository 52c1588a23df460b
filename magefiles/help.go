//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Help shows the targets in groups; "mage help TARGET" explains one and its flags.
func Help(ctx context.Context) error {
	return cli.Run(ctx, func(_ context.Context, t cli.Target) error { return t.Help(sources) })
}
