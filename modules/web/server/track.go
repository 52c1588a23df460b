package server

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/title"
)

// mostStems and mostWarnings are how many files and notes of a song are shown.
const mostStems, mostWarnings = 64, 32

// reading bounds how many track.json are in memory at once: whoever wrote them, and however many clients ask.
var reading = make(chan struct{}, 4)

// A track is what track.json says of a song. Whoever can write to the data folder can write anything there.
type track struct {
	Job             string          `json:"job"`
	Source          string          `json:"source"`
	Created         time.Time       `json:"created"`
	Finished        time.Time       `json:"finished"`
	DurationSeconds float64         `json:"duration_seconds"`
	Engine          string          `json:"engine"`
	Model           string          `json:"model"`
	Stems           []string        `json:"stems"`
	Settings        options.Options `json:"settings"`
	SourceRate      int             `json:"source_rate"`
	Gain            float64         `json:"gain"`
	SumDB           *float64        `json:"sum_db"`
	Warnings        []string        `json:"warnings"`
	Tags            tags            `json:"tags"`
}

type tags struct {
	Title  string `json:"title"`
	Artist string `json:"artist"`
	Album  string `json:"album"`
}

// readTrack reads the track.json in a folder of output/. It returns only stems whose names can be those of files in the folder.
func readTrack(data, folder string) (track, error) {
	reading <- struct{}{}
	defer func() { <-reading }()
	f, err := place.Open(filepath.Join(songFolder(data, folder), job.TrackFile))
	if err != nil {
		return track{}, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	text, err := job.Read(f)
	var t track
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return track{}, err
	}
	var stems []string
	for _, name := range t.Stems {
		if isAudio(name) && !slices.Contains(stems, name) && len(stems) < mostStems {
			stems = append(stems, name)
		}
	}
	t.Stems = stems
	t.Warnings = slices.Clone(t.Warnings[:min(len(t.Warnings), mostWarnings)]) // so that nothing holds the others
	return t, nil
}

// isAudio reports whether a name can be that of an audio file of a song.
func isAudio(name string) bool {
	return job.OneName(name) != "" && len(name) <= title.Limit && !strings.HasPrefix(name, ".") && !strings.Contains(name, "\\") && printable(name) == name &&
		strings.HasPrefix(mediaTypes[strings.ToLower(filepath.Ext(name))], "audio/")
}

func songFolder(data, folder string) string {
	return filepath.Join(data, job.OutputFolder, filepath.FromSlash(folder))
}

// stemsIn lists the audio files in a song's folder, for a song whose track.json does not say which there are.
func stemsIn(data, folder string) []string {
	entries, err := place.Local.ReadDir(songFolder(data, folder))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && isAudio(e.Name()) && len(names) < mostStems {
			names = append(names, e.Name())
		}
	}
	return names
}
