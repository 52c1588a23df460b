package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/im2-audio/im2/modules/internal/spool"
)

// trackFile describes the track in its output folder.
const trackFile = "track.json"

// A trackInfo is what track.json holds.
type trackInfo struct {
	// Job is the ID of the job that made the stems.
	Job string `json:"job"`
	// Track is the name of the folder in output/.
	Track string `json:"track"`
	// Source is the file's original name for people to read; SHA256 tells it apart.
	Source          string  `json:"source"`
	SHA256          string  `json:"sha256"`
	DurationSeconds float64 `json:"duration_seconds"`
	Engine          string  `json:"engine"`
	Model           string  `json:"model"`
	// Created is when the file was taken from input/, Finished when the stems were put into
	// output/, in UTC.
	Created  time.Time `json:"created"`
	Finished time.Time `json:"finished"`
	// Stems are the names of the audio files.
	Stems []string `json:"stems"`
	// Timings are the seconds that the job spent in each stage.
	Timings map[spool.Stage]float64 `json:"timings"`
}

// writeTrack writes track.json beside the stems of the job.
func writeTrack(job *spool.Job, now time.Time) error {
	data, err := json.MarshalIndent(trackInfo{
		Job:             job.ID,
		Track:           job.Track,
		Source:          job.Name,
		SHA256:          job.SHA256,
		DurationSeconds: job.DurationSeconds,
		Engine:          job.Engine,
		Model:           job.Model,
		Created:         job.Created,
		Finished:        now,
		Stems:           stemFiles(),
		Timings:         job.Timings(now),
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("describing track %q: %w", job.Track, err)
	}
	return job.Write(append(data, '\n'), spool.StemsFolder, trackFile)
}

// stemFiles are the audio files of each track.
func stemFiles() []string { return []string{"vocals.wav", "drums.wav", "bass.wav", "other.wav"} }
