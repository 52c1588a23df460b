//go:build mage

package main

import (
	"context"
	"strconv"

	"github.com/im2-audio/im2/internal/cli"
)

// Separate puts an audio file into the pipeline, follows it and prints its stems.
// A song that was separated before with the same options is not separated again; its stems are
// printed. The settings DEMUCS_STEMS and so on are the defaults of the flags. An interrupt
// leaves the job running.
func Separate(ctx context.Context, file string,
	stems *string, // only these stems, with commas: vocals, drums, bass, other
	twoStems *string, // this stem and the sum of all others, as vocals.wav and no_vocals.wav
	format *string, // wav, flac or mp3
	bits *string, // 16, 24 or float
	clip *string, // if a stem is too loud for the file: rescale all, clamp, or none
	overlap *string, // how much neighbouring segments overlap (default 0.25)
	shifts *int, // the mean of this many separations, each shifted a little (default 0)
	model *string, // a model that "mage demucs-cache" has prepared
	sum *string, // exact: the stems add up to the song; model: as the model makes them
	rate *string, // 44100, or source: the song's own sample rate
	again *bool, // separate it again
	json *bool, // print the result as JSON
) error {
	asked := map[string]string{
		"stems": value(stems), "twoStems": value(twoStems), "format": value(format), "bits": value(bits), "clip": value(clip),
		"overlap": value(overlap), "model": value(model), "sum": value(sum), "rate": value(rate),
	}
	if shifts != nil {
		asked["shifts"] = strconv.Itoa(*shifts)
	}
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Separate(ctx, cli.Separate{File: file, Again: value(again), JSON: value(json), Options: asked})
	})
}
