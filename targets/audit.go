package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Audit checks whether any service would run as root, before anything is built or started.
// It reads Dockerfiles, Compose files and settings as Compose does, and needs no engine. See
// docs/audit.md of IM2.
func Audit(ctx context.Context,
	fix *bool, // fix what has a safe fix; keep the old file as NAME.orig
	diff *bool, // only print what -fix would change
	format *string, // text, json or sarif (default text)
	only *string, // only these rules, such as D01,C02
	threshold *string, // lowest severity with exit code 1: error, warning or note (default warning)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Audit(ctx, cli.Audit{
			Fix: value(fix), Diff: value(diff), Format: or(format, "text"), Only: value(only), Threshold: or(threshold, "warning"),
		})
	})
}
