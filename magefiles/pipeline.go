//go:build mage

package main

import (
	"context"
	"strconv"
	"time"

	"github.com/im2-audio/im2/internal/cli"
)

// Up builds and starts the pipeline, then waits until every service is healthy.
// The data folders and the model cache are created first, with the app user as owner.
func Up(ctx context.Context,
	replicas *string, // number of demucs workers, or SERVICE=NUMBER,...; remembered (auto: as many as fit)
	web *string, // on or off: whether the pages for a browser are started, too; remembered
	webUpload *string, // on or off: whether songs can be put in with a browser; remembered
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Up(ctx, value(replicas), cli.Pages{Web: value(web), Upload: value(webUpload)}, wait)
	})
}

// Status shows each service's state, health, UID:GID and image, and the unfinished jobs.
func Status(ctx context.Context,
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Status(ctx, value(json)) })
}

// Separate puts an audio file into the pipeline, follows it and prints its stems.
// The same song with the same options is not separated again. The settings DEMUCS_STEMS and so
// on are the defaults of the flags. An interrupt leaves the job running.
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
	output *string, // stems, instrumental: the song without its vocals, or both
	again *bool, // separate it again
	json *bool, // print the result as JSON
) error {
	asked := map[string]string{
		"stems": value(stems), "twoStems": value(twoStems), "format": value(format), "bits": value(bits), "clip": value(clip),
		"overlap": value(overlap), "model": value(model), "sum": value(sum), "rate": value(rate), "output": value(output),
	}
	if shifts != nil {
		asked["shifts"] = strconv.Itoa(*shifts)
	}
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Separate(ctx, cli.Separate{File: file, Again: value(again), JSON: value(json), Options: asked})
	})
}

// Jobs lists the jobs: stage, progress, attempts, age, error.
// The states are incoming, pending, separating, separated, organizing, done, rejected and
// failed.
func Jobs(ctx context.Context,
	state *string, // only in these states, with commas
	watch *bool, // follow them until Ctrl-C: those on their way, or in these states
	json *bool, // print JSON; with -watch, one line for each change
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Jobs(ctx, cli.Jobs{State: value(state), Watch: value(watch), JSON: value(json)})
	})
}

// Retry puts a failed job back into the queue; -all in place of an ID puts back every one.
// It has three attempts again and keeps its history. A rejected song is a file: move it from
// rejected/ to input/.
func Retry(ctx context.Context, id string) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Retry(ctx, id) })
}

// Cancel takes a job out of the queue, also one in work; -all in place of an ID takes every one.
// Its song stays in queue/failed, and "mage retry" puts it back. A worker that has it stops within
// seconds.
func Cancel(ctx context.Context, id string) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Cancel(ctx, id) })
}

// Pause keeps the workers from taking songs; those that they have they finish.
// It holds for every worker on the data folder, whatever is restarted, until "mage resume". Songs in
// input/ are still taken into the queue, and finished stems put into output/.
func Pause(ctx context.Context) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Pause(ctx) })
}

// Resume ends what "mage pause" began.
func Resume(ctx context.Context) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.Resume(ctx) })
}

// Prune removes stems, originals, rejected files and records of songs that ended long ago.
// What is on its way, and what failed, is not touched. It says what was removed, and how many bytes.
func Prune(ctx context.Context,
	older *string, // only what ended longer ago than this, such as 30d, 2w or 12h (default 30d)
	keep *string, // what stays, with commas: output, archive, rejected, done
	dryRun *bool, // only say what would be removed
	json *bool, // print JSON
) error {
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error {
		return t.Prune(ctx, cli.Prune{Older: value(older), Keep: value(keep), DryRun: value(dryRun), JSON: value(json)})
	})
}

// DemucsCache (demucs-cache) creates the model cache and prepares the Demucs weights in it.
// The download is checked, and continues after an interrupt. The weights are Meta's, for
// personal and research use only. Your own model, a fine-tuned or six-stem HTDemucs, is prepared
// from its ONNX file.
func DemucsCache(ctx context.Context,
	fetch *bool, // whether to download and prepare the model (default true)
	model *string, // the ONNX file of your own model, or a model's name (default DEMUCS_MODEL)
	precision *string, // fp32 or int8 (default DEMUCS_PRECISION)
	wait *time.Duration, // wait at most this long for another command on the project (default: until it is done)
) error {
	o := cli.DemucsCache{Fetch: or(fetch, true), Model: value(model), Precision: value(precision), Wait: wait}
	return cli.Run(ctx, func(ctx context.Context, t cli.Target) error { return t.DemucsCache(ctx, o) })
}
