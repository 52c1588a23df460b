package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/title"
)

// A trackInfo is what track.json holds.
type trackInfo struct {
	// Job is the ID of the job that made the stems.
	Job string `json:"job"`
	// Track is the name of the folder in output/.
	Track string `json:"track"`
	// Source is the file's original name for people to read; SHA256 tells it apart.
	Source string `json:"source"`
	SHA256 string `json:"sha256"`
	// NameChangedFrom is the song's title where the folder could not have it as its name.
	NameChangedFrom string  `json:"name_changed_from,omitempty"`
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
	Timings map[job.Stage]float64 `json:"timings"`
	// Settings are what the stems were made with; those that follow are the Record's.
	Settings      options.Options `json:"settings,omitzero"`
	Gain          float64         `json:"gain,omitempty"`
	SumDB         *float64        `json:"sum_db,omitempty"`
	Warnings      []string        `json:"warnings,omitempty"`
	SourceRate    int             `json:"source_rate,omitempty"`
	EngineVersion int             `json:"engine_version"`
}

func writeTrack(j *spool.Job, now time.Time) error {
	info := trackInfo{
		Job:             j.ID,
		Track:           j.Track,
		Source:          j.Name,
		SHA256:          j.SHA256,
		DurationSeconds: j.DurationSeconds,
		Engine:          j.Engine,
		Model:           j.Model,
		Created:         j.Created,
		Finished:        now,
		Stems:           options.Recorded(j.Files),
		Timings:         j.Timings(now),
		Settings:        j.Settings,
		Gain:            j.Gain,
		SumDB:           j.SumDB,
		Warnings:        j.Warnings,
		SourceRate:      j.SourceRate,
		EngineVersion:   max(1, j.EngineVersion),
	}
	if name := j.RawName(); !title.Kept(name) {
		changed, _ := title.Split(name)
		info.NameChangedFrom = strings.ToValidUTF8(changed, string(utf8.RuneError))
	}
	data, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return fmt.Errorf("describing track %q: %w", j.Track, err)
	}
	return j.Write(append(data, '\n'), job.StemsFolder, job.TrackFile)
}
