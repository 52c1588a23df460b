package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/peaks"
	"github.com/im2-audio/im2/pipeline/peaks/measure"
	"github.com/im2-audio/im2/pipeline/place"
)

const (
	// lookForOlder is for how long output/ is not searched again for songs without peaks.json: there are new ones only if somebody puts them there.
	lookForOlder = time.Hour
	// lookForJobs is for how long older songs are measured before it is the turn of all else.
	lookForJobs = time.Second
	// mostTurns is after how many turns a song is given up: 15 minutes. One of an hour that is MP3 files takes three.
	mostTurns = int(15 * time.Minute / lookForJobs)
	// mostApart is how many seconds a stem may be longer or shorter than its song.
	mostApart = 1
)

var (
	// errOtherFormat is returned for a song whose stems are files that cannot be measured.
	errOtherFormat = errors.New("its stems are neither WAV, FLAC nor MP3 files")
	errTooSlow     = errors.New("measuring it takes more than 15 minutes")
	errLength      = errors.New("its length is not the one in " + job.TrackFile)
)

// older has where the search for songs of earlier versions is, which made no peaks.json.
type older struct {
	// resume goes on with it, and reports whether it is to go on later; nil while there is none.
	resume func() (_ struct{}, more bool)
	// since is when it went on, ended when the one before ended.
	since, ended time.Time
}

// measureOlder measures songs that have no peaks.json for lookForJobs, and reports whether there is more to do. The next call goes on in
// the middle of a song. What goes wrong is no trouble for songs to come, and is tried again after lookForOlder.
func (o *organizer) measureOlder(ctx context.Context) bool {
	if len(o.held) > 0 || ctx.Err() != nil { // Those that are held are kept by turns.
		return false
	}
	if o.older.resume == nil {
		if !o.older.ended.IsZero() && o.now().Sub(o.older.ended) < lookForOlder {
			return false
		}
		o.older.resume, _ = iter.Pull(o.search(ctx)) // It is not stopped before its end: it holds a file that it reads, and nothing else.
	}
	defer o.env.Health.KeepAlive(ctx)()
	o.older.since = o.now()
	_, more := o.older.resume()
	if !more {
		o.older = older{ended: o.now()}
	}
	return more
}

// search measures all songs that have no peaks.json, and yields each time that lookForJobs is over.
func (o *organizer) search(ctx context.Context) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		var failed, turns int
		var first error
		pause := func() error {
			if o.now().Sub(o.older.since) >= lookForJobs {
				if turns++; turns > mostTurns {
					return errTooSlow
				}
				yield(struct{}{})
			}
			return ctx.Err()
		}
		for folder := range folders(o.spool.Output(), job.SongDepth) {
			turns = 0
			if pause() != nil {
				return
			}
			if !place.Exists(filepath.Join(folder, job.TrackFile)) || place.Exists(filepath.Join(folder, job.PeaksFile)) {
				continue
			}
			err := measureSong(folder, pause)
			name, _ := filepath.Rel(o.spool.Output(), folder)
			switch {
			case ctx.Err() != nil:
				return
			case err == nil:
				o.env.Log.Info("measured a song of an earlier version", "track", name)
			case !errors.Is(err, errOtherFormat):
				failed++
				first = cmp.Or(first, fmt.Errorf("%q: %w", name, err))
			}
		}
		if failed > 0 {
			o.env.Log.Warn("songs of earlier versions get no waveforms", "songs", failed, "first", first)
		}
	}
}

// folders returns those below dir that are songs, or that songs may be in.
func folders(dir string, depth int) iter.Seq[string] {
	return func(yield func(string) bool) {
		entries, err := place.Local.ReadDir(dir)
		if err != nil {
			return // The next turn says so.
		}
		for _, e := range entries {
			folder := filepath.Join(dir, e.Name())
			if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			if !yield(folder) {
				return
			}
			if depth == 1 || place.Exists(filepath.Join(folder, job.TrackFile)) {
				continue
			}
			for below := range folders(folder, depth-1) {
				if !yield(below) {
					return
				}
			}
		}
	}
}

// measureSong makes a song's peaks.json. It calls pause again and again, and ends with its error.
func measureSong(song string, pause func() error) error {
	text, err := place.Local.ReadFile(filepath.Join(song, job.TrackFile))
	if err != nil {
		return err
	}
	var track trackInfo
	if err := json.Unmarshal(text, &track); err != nil {
		return fmt.Errorf("%s: %w", job.TrackFile, err)
	}
	files, err := (&job.Record{Files: track.Stems}).AudioFiles()
	if err != nil || slices.ContainsFunc(files, func(file string) bool { return !measure.Knows(file) }) {
		return errOtherFormat
	}
	long := func(frames int64, rate int) error {
		if seconds := float64(frames) / float64(rate); math.Abs(seconds-track.DurationSeconds) > mostApart {
			return fmt.Errorf("%w: %.0f s, and %.0f s there", errLength, seconds, track.DurationSeconds)
		}
		return nil
	}
	var all peaks.Peaks
	for _, file := range files {
		sound, err := measureStem(filepath.Join(song, file), pause, long)
		if err != nil {
			return err
		}
		all = peaks.New(sound.Frames, sound.Rate, append(all.Stems, sound.Stem))
	}
	data, err := all.Bytes()
	if err != nil {
		return err
	}
	if place.Exists(filepath.Join(song, job.PeaksFile)) { // Somebody had it separated again meanwhile.
		return nil
	}
	place.Sweep(song, place.TempPrefix+"*") // what a kill left of the line below
	return place.Local.WriteDurable(filepath.Join(song, job.PeaksFile), data)
}

func measureStem(path string, pause func() error, accept func(frames int64, rate int) error) (measure.Sound, error) {
	f, err := place.Open(path)
	if err != nil {
		return measure.Sound{}, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	return measure.File(pausingReader{f, pause}, filepath.Base(path), accept)
}

type pausingReader struct {
	io.Reader
	pause func() error
}

func (r pausingReader) Read(p []byte) (int, error) {
	if err := r.pause(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
