package job

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/tags"
)

// A Record is what job.json holds. Programs of other people read it: its JSON names must not change.
type Record struct {
	// ID sorts by the time the job was made and never repeats.
	ID string `json:"id"`
	// Name is the song's original file name as text. Where that is not valid UTF-8, NameBytes has its
	// bytes; RawName returns the bytes in both cases.
	Name      string `json:"name"`
	NameBytes []byte `json:"name_bytes,omitempty"`
	// Size of the source in bytes.
	Size int64 `json:"size"`
	// SHA256 of the source, hexadecimal; empty until the watcher has read it.
	SHA256 string `json:"sha256,omitempty"`
	// MIME is the media type of the content.
	MIME string `json:"mime,omitempty"`
	// Created is when the job was made, in UTC.
	Created time.Time `json:"created,omitzero"`
	// Track is the song's folder in output/, once decided, as SongFolder takes it: with slashes on every system.
	Track string `json:"track,omitempty"`
	// Archived is the file's name in archive/, once decided; ArchivedBytes as NameBytes.
	Archived      string `json:"archived,omitempty"`
	ArchivedBytes []byte `json:"archived_bytes,omitempty"`
	// Rejected is the file's name in rejected/, once decided; RejectedBytes as NameBytes.
	Rejected      string `json:"rejected,omitempty"`
	RejectedBytes []byte `json:"rejected_bytes,omitempty"`
	// DuplicateOf is the ID of the job that has, or had, the same song.
	DuplicateOf string `json:"duplicate_of,omitempty"`
	// Error is the last error, or why the file was rejected.
	Error string `json:"error,omitempty"`
	// DurationSeconds is how long the track plays.
	DurationSeconds float64 `json:"duration_seconds,omitempty"`
	// Engine and Model say what separated the track.
	Engine string `json:"engine,omitempty"`
	Model  string `json:"model,omitempty"`
	// Options are what was asked for with the song.
	Options options.Options `json:"options,omitzero"`
	// Settings are what the stems were made with: every option is set.
	Settings options.Options `json:"settings,omitzero"`
	// Files are the names of the stems in output/; AudioFiles checks them. Jobs of earlier versions
	// have none.
	Files []string `json:"files,omitempty"`
	// Gain is the factor that was applied to all stems so that none clips; 1 for none.
	Gain float64 `json:"gain,omitempty"`
	// SumDB is how much louder the mix is than its difference from the sum of all stems, in decibels.
	SumDB *float64 `json:"sum_db,omitempty"`
	// Warnings are what people should know about the result.
	Warnings []string `json:"warnings,omitempty"`
	// SourceRate is the song's sample rate in Hz.
	SourceRate int `json:"source_rate,omitempty"`
	// Tags are what the song's file says of it.
	Tags tags.Tags `json:"tags,omitempty"`
	// Cover is the name of the picture beside the stems, CoverJPEG or CoverPNG; "" for none.
	Cover string `json:"cover,omitempty"`
	// EngineVersion is the options.EngineVersion of the stems; 0 in jobs of earlier versions.
	EngineVersion int `json:"engine_version,omitempty"`
	// Attempt counts how often separating was begun. It does not count a worker that was stopped
	// and handed the job back, or was lost.
	Attempt int `json:"attempt"`
	// Losses counts how often a worker was lost that had the job, in any stage, since the job was made or tried again.
	Losses  int     `json:"losses,omitempty"`
	History History `json:"history,omitempty"`
}

// Progress is what progress.json holds: how far the job is, and the lease of the worker that has it.
type Progress struct {
	Phase Phase `json:"phase"`
	// Done of Total steps of the phase are finished; Total is 0 while it is unknown.
	Done  int `json:"done"`
	Total int `json:"total"`
	// Updated is when this was written, Started when the worker began, by the worker's clock.
	Updated time.Time `json:"updated,omitzero"`
	Started time.Time `json:"started,omitzero"`
	// Beat counts the renewals of the lease.
	Beat int `json:"beat"`
}

// Percent is how much of the phase is finished, 0 to 100, and false while that is unknown. p may be nil.
func (p *Progress) Percent() (int, bool) {
	if p == nil || p.Total <= 0 {
		return 0, false
	}
	return int(int64(min(max(p.Done, 0), p.Total)) * 100 / int64(p.Total)), true
}

// Made is when the job was made: by its record, or else by its ID.
func (r *Record) Made() time.Time {
	if !r.Created.IsZero() {
		return r.Created
	}
	made, err := time.Parse(idTime, r.ID[:min(len(r.ID), len(idTime))])
	if err != nil {
		return time.Time{}
	}
	return made
}

// RawName returns the song's original file name, byte for byte.
func (r *Record) RawName() string { return exact(r.Name, r.NameBytes) }

// SetName records the song's original file name.
func (r *Record) SetName(raw string) { r.Name, r.NameBytes = displayed(raw) }

// RawArchived returns the file's name in archive/, byte for byte.
func (r *Record) RawArchived() string { return exact(r.Archived, r.ArchivedBytes) }

// SetArchived records the file's name in archive/.
func (r *Record) SetArchived(raw string) { r.Archived, r.ArchivedBytes = displayed(raw) }

// RawRejected returns the file's name in rejected/, byte for byte.
func (r *Record) RawRejected() string { return exact(r.Rejected, r.RejectedBytes) }

// SetRejected records the file's name in rejected/.
func (r *Record) SetRejected(raw string) { r.Rejected, r.RejectedBytes = displayed(raw) }

func exact(text string, raw []byte) string {
	if len(raw) > 0 {
		return string(raw)
	}
	return text
}

// displayed splits a file name into text for JSON and, where that is not the same, its bytes.
func displayed(raw string) (text string, raws []byte) {
	if utf8.ValidString(raw) {
		return raw, nil
	}
	return strings.ToValidUTF8(raw, string(utf8.RuneError)), []byte(raw)
}

// Cancelled is the Error of a job in Failed that somebody took out of the queue.
const Cancelled = "cancelled"

// A Stage is where a job is, and the name of its folder in queue/.
type Stage string

// The stages; the package comment says what each means.
const (
	Incoming   Stage = "incoming"
	Pending    Stage = "pending"
	Separating Stage = "separating"
	Separated  Stage = "separated"
	Organizing Stage = "organizing"
	Done       Stage = "done"
	Rejected   Stage = "rejected"
	Failed     Stage = "failed"
)

// Stages are all stages, in the order in which a job goes through them. Do not change it.
var Stages = []Stage{Incoming, Pending, Separating, Separated, Organizing, Done, Rejected, Failed}

// Entry is the stage from which jobs are claimed into this one, or "" where jobs are not claimed.
func (s Stage) Entry() Stage {
	switch s {
	case Separating:
		return Pending
	case Organizing:
		return Separated
	default:
		return ""
	}
}

// Working reports whether a service works on the jobs of this stage.
func (s Stage) Working() bool { return s == Incoming || s.Entry() != "" }

// Final reports whether a job in this stage rests until a person does something.
func (s Stage) Final() bool { return s == Done || s == Rejected || s == Failed }

// A Phase is a part of the separation that has its own progress.
type Phase string

// The phases, in their order.
const (
	Decoding   Phase = "decoding"
	Separation Phase = "separating"
	Finishing  Phase = "finishing"
)
