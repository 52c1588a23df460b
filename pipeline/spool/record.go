package spool

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/im2-audio/im2/pipeline/options"
)

// A Record is what job.json holds: everything that is known of a job. Its JSON names are read
// by programs outside the containers and must not change.
type Record struct {
	// ID sorts by the time the job was made and never repeats.
	ID string `json:"id"`
	// Name is the file's original name for people to read. Where the name is not valid UTF-8,
	// NameBytes holds its true bytes; use RawName to get either.
	Name      string `json:"name"`
	NameBytes []byte `json:"name_bytes,omitempty"`
	// Size of the source in bytes.
	Size int64 `json:"size"`
	// SHA256 of the source, hexadecimal.
	SHA256 string `json:"sha256,omitempty"`
	// MIME is the media type found by looking at the content.
	MIME string `json:"mime,omitempty"`
	// Created is when the job was made, in UTC.
	Created time.Time `json:"created"`
	// Track is the folder's name in output/, once decided.
	Track string `json:"track,omitempty"`
	// Archived is the file's name in archive/, once decided; ArchivedBytes as with Name.
	Archived      string `json:"archived,omitempty"`
	ArchivedBytes []byte `json:"archived_bytes,omitempty"`
	// Rejected is the file's name in rejected/, once decided; RejectedBytes as with Name.
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
	// Attempt counts how often separating was begun. A worker that was told to stop and handed
	// the job back does not count.
	Attempt int `json:"attempt"`
	// History has one visit for each stage the job has been in, oldest first.
	History []Visit `json:"history"`
}

// A Visit is one stay of a job in one stage.
type Visit struct {
	Stage Stage     `json:"stage"`
	Start time.Time `json:"start"`
	// End is zero while the job is in the stage.
	End time.Time `json:"end,omitzero"`
	// Worker names who had the job; empty in stages where it waits or rests.
	Worker string `json:"worker,omitempty"`
	// Claim tells this visit from any other of the same worker to the same stage; empty where
	// nobody competes for jobs.
	Claim string `json:"claim,omitempty"`
	// Attempt is the Record's Attempt at that time.
	Attempt int `json:"attempt"`
	// Error says why the visit ended without success.
	Error string `json:"error,omitempty"`
}

// RawName returns the file's original name, byte for byte.
func (r *Record) RawName() string { return exact(r.Name, r.NameBytes) }

// SetName records the file's original name.
func (r *Record) SetName(raw string) { r.Name, r.NameBytes = displayed(raw) }

// RawArchived returns the file's name in archive/, byte for byte.
func (r *Record) RawArchived() string { return exact(r.Archived, r.ArchivedBytes) }

// SetArchived records the file's name in archive/.
func (r *Record) SetArchived(raw string) { r.Archived, r.ArchivedBytes = displayed(raw) }

// RawRejected returns the file's name in rejected/, byte for byte.
func (r *Record) RawRejected() string { return exact(r.Rejected, r.RejectedBytes) }

// SetRejected records the file's name in rejected/.
func (r *Record) SetRejected(raw string) { r.Rejected, r.RejectedBytes = displayed(raw) }

// Worker returns who has the job by its last visit, or "".
func (r *Record) Worker() string { return r.last().Worker }

// Timings sums up how many seconds the job spent in each stage; a visit that has not ended
// counts until now.
func (r *Record) Timings(now time.Time) map[Stage]float64 {
	sums := map[Stage]float64{}
	for _, v := range r.History {
		end := v.End
		if end.IsZero() {
			end = now
		}
		sums[v.Stage] += end.Sub(v.Start).Seconds()
	}
	return sums
}

// displayed splits a file name into text that JSON can carry and, where that is not the
// same, the true bytes.
func displayed(raw string) (text string, raws []byte) {
	if utf8.ValidString(raw) {
		return raw, nil
	}
	return strings.ToValidUTF8(raw, string(utf8.RuneError)), []byte(raw)
}

func exact(text string, raws []byte) string {
	if len(raws) > 0 {
		return string(raws)
	}
	return text
}

// arrive ends the last visit, with the failure if there was one, and begins another.
func (r *Record) arrive(v Visit, failure string) {
	if n := len(r.History); n > 0 && r.History[n-1].End.IsZero() {
		r.History[n-1].End = v.Start
		r.History[n-1].Error = failure
	}
	v.Attempt = r.Attempt
	r.History = append(r.History, v)
}

// takeBack undoes an arrive that led nowhere: the visit before it goes on.
func (r *Record) takeBack() {
	n := len(r.History)
	if n < 2 {
		return
	}
	r.History = r.History[:n-1]
	r.History[n-2].End = time.Time{}
	r.History[n-2].Error = ""
}

// rewind makes the history agree with the stage in whose folder the job was found. After a
// power cut the folder may be back in a stage that it had left; then the last visit to that
// stage goes on, and those after it have not been. A history that has no such visit stays.
func (r *Record) rewind(stage Stage) {
	last := len(r.History) - 1
	for last >= 0 && r.History[last].Stage != stage {
		last--
	}
	for last >= 0 && len(r.History)-1 > last {
		r.takeBack()
	}
}

// announced reports whether the record of a job that was found in stage, in the hands of c, says
// that it moves on from there. The claim is compared, since the job may have been in this stage
// before.
func (r *Record) announced(stage Stage, c claim) bool {
	n := len(r.History)
	if n < 2 || r.History[n-1].Stage == stage || r.History[n-2].Stage != stage {
		return false
	}
	of := r.History[n-2].Claim
	return of == c.token || (of == "" && c.token == noToken)
}

// Failures are why the attempts of a working stage failed, the oldest first, since the job was
// last brought back. An attempt that did not count has none: its number was used again.
func (r *Record) Failures(stage Stage) []string {
	var failures []string
	for i, v := range r.History {
		if i > 0 && r.History[i-1].Stage == Failed {
			failures = nil
		}
		switch {
		case v.Stage != stage || v.Error == "":
		case stage == Separating && v.Attempt >= 1 && v.Attempt <= len(failures):
			failures = append(failures[:v.Attempt-1], v.Error)
		default:
			failures = append(failures, v.Error)
		}
	}
	return failures
}

// last returns the last visit; an empty one when there is none.
func (r *Record) last() Visit {
	if len(r.History) == 0 {
		return Visit{}
	}
	return r.History[len(r.History)-1]
}
