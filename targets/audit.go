package targets

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// Audit judges whether any service would run as root, before anything is built or started.
// It reads the Dockerfiles, the Compose file and the settings as Compose would; no engine is
// needed. Exit code 1 for findings at or above the threshold, 2 when the project cannot be
// read. docs/audit.md of IM2 has the rules.
func Audit(ctx context.Context,
	fix *bool, // repair what has a safe fix; what was there is kept as NAME.orig
	diff *bool, // only print what -fix would change
	format *string, // text, json or sarif (default text)
	only *string, // only these rules, such as D01,C02
	threshold *string, // what fails: error, warning or note (default warning)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Audit(ctx, cli.Audit{
			Fix: value(fix), Diff: value(diff), Format: or(format, "text"), Only: value(only), Threshold: or(threshold, "warning"),
		})
	})
}
