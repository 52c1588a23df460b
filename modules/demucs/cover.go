package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // The kinds of pictures that are kept, and no other.
	_ "image/png"
	"slices"
	"strconv"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
)

const (
	// largestCover bounds a cover in bytes; it is part of spareRoom.
	largestCover = 10_000_000
	// longestSide bounds it in pixels: a program that shows it needs 4 bytes for each.
	longestSide = 8192
	// noCover is no stream.
	noCover = -1
)

// cover is the stream with the picture on the front, or with the first one, and noCover where there is none that could be
// kept.
func (p *probed) cover() int {
	found := noCover
	for _, s := range p.Streams {
		if s.Flags.Cover == 0 || !slices.Contains([]string{"mjpeg", "png"}, s.Codec) {
			continue
		}
		if s.Tags["comment"] == "Cover (front)" {
			return s.Index
		}
		if found == noCover {
			found = s.Index
		}
	}
	return found
}

// coverArgs make ffmpeg write the picture as it is in the file.
func coverArgs(stream int) []string {
	args := append([]string{"-nostdin", "-v", "error"}, readArgs()...)
	return append(args, "-codec_whitelist", audio.Decoders(), "-i", "file:"+job.SourceFile,
		"-map", "0:"+strconv.Itoa(stream), "-c", "copy", "-frames:v", "1", "-f", "image2pipe", "pipe:1")
}

// keepCover writes the cover of the song beside its finished stems, and returns the file's name. One that cannot be kept is
// a warning: the error is one of the disk, or the end of ctx.
func (w *worker) keepCover(ctx context.Context, j *spool.Job, stream int) (name string, warnings []string, err error) {
	if stream == noCover {
		return "", nil, nil
	}
	var picture bytes.Buffer
	err = command{
		what: "ffmpeg (cover)", path: w.settings.ffmpeg, args: coverArgs(stream), dir: j.Dir(),
		stdout: &limitedWriter{to: &picture, left: largestCover}, stall: w.settings.stall,
	}.run(ctx)
	if ctx.Err() != nil {
		return "", nil, err
	}
	if errors.Is(err, errTooMuch) {
		return "", []string{"the song's cover was left out: it has more than " + place.Bytes(largestCover)}, nil
	}
	if err == nil {
		name, err = coverName(picture.Bytes())
	}
	if err != nil {
		w.env.Log.Warn("the cover was left out", "job", j.ID, "error", err)
		return "", []string{"the song's cover was left out: it is damaged, or no JPEG or PNG picture"}, nil
	}
	if err := j.Write(picture.Bytes(), job.WorkFolder, job.StemsFolder, name); err != nil {
		return "", nil, fmt.Errorf("writing the cover: %w", err)
	}
	return name, nil, nil
}

// coverName is the name for a file with this picture, by its content alone.
func coverName(picture []byte) (string, error) {
	config, kind, err := image.DecodeConfig(bytes.NewReader(picture))
	if err != nil {
		return "", err
	}
	if min(config.Width, config.Height) < 1 || max(config.Width, config.Height) > longestSide {
		return "", fmt.Errorf("it has %d x %d pixels, and at most %d each way are kept", config.Width, config.Height, longestSide)
	}
	switch kind {
	case "png":
		return job.CoverPNG, nil
	case "jpeg":
		return job.CoverJPEG, nil
	default:
		return "", fmt.Errorf("it is of the kind %s", kind)
	}
}
