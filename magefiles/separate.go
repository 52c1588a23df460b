//go:build mage

package main

import (
	"context"
	"strconv"

	"github.com/im2-audio/im2/internal/cli"
)

// Separate puts an audio file into the pipeline, follows it and prints its stems.
// A song that the pipeline has already, asked for with the same options, is not separated a
// second time: the stems that there are, or are about to be, are printed. What is not asked
// for here the settings decide, DEMUCS_STEMS and so on. An interrupt leaves the job running.
func Separate(ctx context.Context, file string,
	stems *string, // only these, with commas between them: vocals, drums, bass, other
	twoStems *string, // this stem, and all others as one: vocals.wav and no_vocals.wav
	format *string, // wav, flac or mp3
	bits *string, // 16, 24 or float for each sample
	clip *string, // where stems are louder than a file can be: rescale all, clamp, none
	overlap *string, // how much of each segment the next one covers (default 0.25)
	shifts *int, // separate it so many times, each shifted a little, for the mean (default 0: once)
	model *string, // a model that "mage demucs-cache" has prepared
	sum *string, // exact makes the stems add up to the song; model leaves them as they are
	rate *string, // source keeps the song's sample rate; 44100 is that of the model
	again *bool, // separate it although that was done before
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
