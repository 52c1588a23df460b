package targets

import (
	"context"
	"embed"
	"os"

	"github.com/im2-audio/im2/internal/cli"
)

// sources are the files of this package: help is read from them.
//
//go:embed *.go
var sources embed.FS

// Help shows the targets of IM2; "mage help TARGET" explains one and its flags.
func Help(ctx context.Context) error {
	return cli.Run(ctx, func(_ context.Context, t cli.Target) error {
		explained, err := t.HelpImported(sources, os.Args[1:])
		if explained {
			os.Exit(0) //nolint:forbidigo // Mage would run the targets that were explained
		}
		return err
	})
}
