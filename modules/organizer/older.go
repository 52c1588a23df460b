package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/peaks"
	"github.com/im2-audio/im2/pipeline/peaks/measure"
	"github.com/im2-audio/im2/pipeline/place"
)

const (
	// lookForOlder is how often output/ is searched for songs without peaks.json: there are new ones only if somebody puts them there.
	lookForOlder = time.Hour
	// lookForJobs is how long a job may wait for an organizer that measures an older song.
	lookForJobs = time.Second
)

var (
	// errOtherFormat is returned for a song whose stems are files that cannot be measured.
	errOtherFormat = errors.New("its stems are neither WAV, FLAC nor MP3 files")
	// errJobWaits ends the measuring of an older song.
	errJobWaits = errors.New("a job waits")
)

// older are the songs of earlier versions, which made no peaks.json.
type older struct {
	songs  []string
	looked time.Time
	// failed counts those that could not be measured since then, and first says why the first one could not.
	failed int
	first  error
}

// measureOlder makes the peaks.json of one song that has none, and reports whether there was one. A
// job that comes meanwhile is not kept waiting. What goes wrong is no trouble for songs to come, and is tried again after
// lookForOlder.
func (o *organizer) measureOlder(ctx context.Context) bool {
	if len(o.held) > 0 { // They are kept by turns.
		return false
	}
	defer o.env.Health.KeepAlive(ctx)()
	if len(o.older.songs) == 0 {
		if !o.older.looked.IsZero() && o.now().Sub(o.older.looked) < lookForOlder {
			return false
		}
		o.older = older{songs: withoutPeaks(ctx, o.spool.Output(), job.SongDepth), looked: o.now()}
	}
	for len(o.older.songs) > 0 && ctx.Err() == nil {
		song := o.older.songs[0]
		err := o.measureSong(ctx, song)
		if errors.Is(err, errJobWaits) || ctx.Err() != nil {
			return false // That job may be one that rests: it is not asked for again at once.
		}
		o.older.songs = o.older.songs[1:]
		switch name, _ := filepath.Rel(o.spool.Output(), song); {
		case err == nil:
			o.env.Log.Info("measured a song of an earlier version", "track", name)
			return true
		case !errors.Is(err, errOtherFormat):
			o.older.failed++
			o.older.first = cmp.Or(o.older.first, fmt.Errorf("%q: %w", name, err))
		}
	}
	if o.older.failed > 0 {
		o.env.Log.Warn("songs of earlier versions get no waveforms", "songs", o.older.failed, "first", o.older.first)
		o.older.failed = 0
	}
	return false
}

// withoutPeaks returns the folders of songs below dir that have no peaks.json.
func withoutPeaks(ctx context.Context, dir string, depth int) (songs []string) {
	entries, err := place.Local.ReadDir(dir)
	if err != nil {
		return nil // The next turn says so.
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return nil
		}
		song := filepath.Join(dir, e.Name())
		switch {
		case !e.IsDir() || strings.HasPrefix(e.Name(), "."):
		case place.Exists(filepath.Join(song, job.TrackFile)):
			if !place.Exists(filepath.Join(song, job.PeaksFile)) {
				songs = append(songs, song)
			}
		case depth > 1:
			songs = append(songs, withoutPeaks(ctx, song, depth-1)...)
		}
	}
	return songs
}

func (o *organizer) measureSong(ctx context.Context, song string) error {
	text, err := place.Local.ReadFile(filepath.Join(song, job.TrackFile))
	if err != nil {
		return err
	}
	var track trackInfo
	if err := json.Unmarshal(text, &track); err != nil {
		return fmt.Errorf("%s: %w", job.TrackFile, err)
	}
	files := options.Recorded(track.Stems)
	for _, file := range files {
		if !options.IsFile(file) || !measure.Knows(file) {
			return errOtherFormat
		}
	}
	var all peaks.Peaks
	for _, file := range files {
		sound, err := o.measureStem(ctx, song, file)
		if err != nil {
			return err
		}
		all = peaks.New(sound.Frames, sound.Rate, append(all.Stems, sound.Stem))
	}
	data, err := all.Bytes()
	if err != nil {
		return err
	}
	place.Sweep(song, place.TempPrefix+"*") // what a kill left of the line below
	return place.Local.WriteDurable(filepath.Join(song, job.PeaksFile), data)
}

func (o *organizer) measureStem(ctx context.Context, song, file string) (measure.Sound, error) {
	f, err := place.Open(filepath.Join(song, file))
	if err != nil {
		return measure.Sound{}, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	return measure.File(&patientReader{ctx, f, o, o.now()}, file)
}

// A patientReader reads until a job waits for this organizer.
type patientReader struct {
	ctx    context.Context //nolint:containedctx // A reader has no other place for it.
	from   io.Reader
	o      *organizer
	looked time.Time
}

func (r *patientReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if now := r.o.now(); now.Sub(r.looked) >= lookForJobs {
		r.looked = now
		if waiting, err := r.o.spool.List(job.Separated); err == nil && len(waiting) > 0 {
			return 0, errJobWaits
		}
	}
	return r.from.Read(p)
}
