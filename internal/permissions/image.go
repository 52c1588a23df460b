package permissions

import (
	"context"

	"github.com/im2-audio/im2/internal/docker/engine"
	"github.com/im2-audio/im2/internal/docker/tools"
)

// mark is the label of the images and containers.
const mark = "im2.reset=1"

func ownImage() tools.Image {
	return tools.Image{
		Own: tools.Helper(), Repository: "im2/reset", Label: mark, Program: "/im2-reset",
		Message: "resets owners and modes of a data folder",
	}
}

func (r *Resetter) image(ctx context.Context, e *engine.Engine) (string, error) {
	return tools.Kit{Home: r.Home, Runner: r.Runner, UI: r.UI}.Image(ctx, e, ownImage())
}

// RemoveImages removes the images of the command, but the one called keep. One that a
// running reset needs stays.
func RemoveImages(ctx context.Context, e *engine.Engine, keep string) error {
	return ownImage().Remove(ctx, e, keep)
}
