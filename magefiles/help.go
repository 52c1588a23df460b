//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/target"
)

// Help shows the targets in groups; "mage help TARGET" explains one and its flags.
func Help(ctx context.Context) error {
	return target.Run(ctx, func(_ context.Context, t target.Target) error { return t.Help(sources) })
}
