package queue

import (
	"path/filepath"
	"time"

	"github.com/im2-audio/im2/pipeline/options"
)

// A Record is what job.json holds. The services write it; see pipeline/spool for
// what each of them promises.
type Record struct {
	// ID sorts by the time the job was made and never repeats.
	ID string `json:"id"`
	// Name is the file's original name for people to read; RawName has its true bytes.
	Name string `json:"name"`
	// NameBytes are the true bytes of a name that is not valid UTF-8, otherwise nil.
	NameBytes []byte `json:"name_bytes,omitempty"`
	// Size of the source in bytes.
	Size int64 `json:"size"`
	// SHA256 of the source, hexadecimal; empty until the watcher has read it.
	SHA256 string `json:"sha256,omitempty"`
	// MIME is the media type that was found in the content.
	MIME string `json:"mime,omitempty"`
	// Created is when the job was made, by the watcher's clock.
	Created time.Time `json:"created,omitzero"`
	// Track is the folder's name in output/, once decided.
	Track string `json:"track,omitempty"`
	// Archived is the file's name in archive/, once decided; ArchivedBytes as NameBytes.
	Archived      string `json:"archived,omitempty"`
	ArchivedBytes []byte `json:"archived_bytes,omitempty"`
	// Rejected is the file's name in rejected/, once decided; RejectedBytes as NameBytes.
	Rejected      string `json:"rejected,omitempty"`
	RejectedBytes []byte `json:"rejected_bytes,omitempty"`
	// DuplicateOf is the ID of the job that has, or had, the same song; then nothing was done here.
	DuplicateOf string `json:"duplicate_of,omitempty"`
	// Error is the last error, or why the file was rejected.
	Error string `json:"error,omitempty"`
	// DurationSeconds is how long the track plays.
	DurationSeconds float64 `json:"duration_seconds,omitempty"`
	// Engine and Model say what separated the track.
	Engine string `json:"engine,omitempty"`
	Model  string `json:"model,omitempty"`
	// Options are what was asked for with the song; what is not said there is the service's.
	Options options.Options `json:"options,omitzero"`
	// Settings are what the stems were made with, every option of it set.
	Settings options.Options `json:"settings,omitzero"`
	// Files are the names of the audio files in output/. Jobs of earlier versions have none, and
	// the four stems as WAV files.
	Files []string `json:"files,omitempty"`
	// Gain is what all stems were multiplied by, so that none clips; 1 where nothing was.
	Gain float64 `json:"gain,omitempty"`
	// SumDB is how much louder the mix is than what the sum of all stems lacks of it, in decibels.
	SumDB *float64 `json:"sum_db,omitempty"`
	// Warnings are what people should know of the result.
	Warnings []string `json:"warnings,omitempty"`
	// SourceRate is the song's own sample rate in Hz.
	SourceRate int `json:"source_rate,omitempty"`
	// EngineVersion is the options.EngineVersion of the stems; 0 in jobs of earlier versions.
	EngineVersion int `json:"engine_version,omitempty"`
	// Attempt counts how often separating was begun.
	Attempt int `json:"attempt"`
	// History has one visit for each stage the job has been in, oldest first.
	History []Visit `json:"history,omitempty"`
}

// A Visit is one stay of a job in one stage.
type Visit struct {
	Stage Stage     `json:"stage"`
	Start time.Time `json:"start"`
	// End is zero while the job is in the stage.
	End time.Time `json:"end,omitzero"`
	// Worker names who had the job; empty where it waits or rests.
	Worker string `json:"worker,omitempty"`
	// Claim tells this visit from any other of the same worker to the same stage.
	Claim string `json:"claim,omitempty"`
	// Attempt is the Record's Attempt at that time.
	Attempt int `json:"attempt"`
	// Error says why the visit ended without success.
	Error string `json:"error,omitempty"`
}

// RawName returns the file's original name, byte for byte.
func (r *Record) RawName() string { return exact(r.Name, r.NameBytes) }

// RawArchived returns the file's name in archive/, byte for byte.
func (r *Record) RawArchived() string { return exact(r.Archived, r.ArchivedBytes) }

// RawRejected returns the file's name in rejected/, byte for byte.
func (r *Record) RawRejected() string { return exact(r.Rejected, r.RejectedBytes) }

// AudioFiles are the names of the files of a job's stems in its folder of output/. They are what the
// record says; options.IsFile tells whether a name can be one.
func (r *Record) AudioFiles() []string { return options.Recorded(r.Files) }

// OneName returns a name from a record if it is one name and not a way elsewhere; otherwise "".
func OneName(name string) string {
	if name == "." || !filepath.IsLocal(name) || filepath.Base(name) != name {
		return ""
	}
	return name
}

func exact(text string, raw []byte) string {
	if len(raw) > 0 {
		return string(raw)
	}
	return text
}

// A Phase is a part of the separation that has a progress of its own.
type Phase string

// The phases, in their order.
const (
	Decoding   Phase = "decoding"
	Separation Phase = "separating"
	Finishing  Phase = "finishing"
)

// Progress is what progress.json holds.
type Progress struct {
	Phase Phase `json:"phase"`
	// Done of Total steps of the phase are finished; Total is 0 while it is unknown.
	Done  int `json:"done"`
	Total int `json:"total"`
	// Updated is when this was written, by the worker's clock.
	Updated time.Time `json:"updated,omitzero"`
	// Started is when the worker began with the job.
	Started time.Time `json:"started,omitzero"`
	// Beat counts how often the worker has renewed its lease.
	Beat int `json:"beat"`
}

// Percent is how much of the phase is finished, 0 to 100, and false while that is unknown.
func (p *Progress) Percent() (int, bool) {
	if p == nil || p.Total <= 0 {
		return 0, false
	}
	return int(int64(min(max(p.Done, 0), p.Total)) * 100 / int64(p.Total)), true
}

// A Job is one job as it was found.
type Job struct {
	Record
	// Stage is the folder the job was in. It is the truth; what History says about stages
	// may be one step ahead after a crash.
	Stage Stage `json:"stage"`
	// Progress is nil where there is none, or none that can be read.
	Progress *Progress `json:"progress,omitempty"`
	// Problem says why the record could not be read; then the Record has nothing but the ID.
	// A job that is Incoming and has no record yet has no problem.
	Problem string `json:"problem,omitempty"`
}

// Made is when the job was made: by its record, or else by its ID.
func (j *Job) Made() time.Time {
	if !j.Created.IsZero() {
		return j.Created
	}
	made, err := time.Parse(idTime, j.ID[:min(len(j.ID), len(idTime))])
	if err != nil {
		return time.Time{}
	}
	return made
}
