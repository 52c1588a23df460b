//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/internal/cli"
)

// DemucsCache (demucs-cache) creates the model cache and prepares the Demucs weights in it.
// The download is checked against a digest, continues after an interrupt, and is skipped if
// the prepared model is right already. The weights are Meta's, for personal and research use
// only. Your own model, a fine-tuned or six-stem HTDemucs, is prepared from its ONNX file.
func DemucsCache(ctx context.Context,
	fetch *bool, // download and prepare the model (default true)
	model *string, // the ONNX file of your own model, or a model's name (default DEMUCS_MODEL)
	precision *string, // fp32 or int8 (default DEMUCS_PRECISION)
) error {
	o := cli.DemucsCache{Fetch: or(fetch, true), Model: value(model), Precision: value(precision)}
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.DemucsCache(ctx, o) })
}
