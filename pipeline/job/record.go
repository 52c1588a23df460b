package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/im2-audio/im2/pipeline/options"
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
	// Track is the name of the folder in output/, once decided.
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
	// EngineVersion is the options.EngineVersion of the stems; 0 in jobs of earlier versions.
	EngineVersion int `json:"engine_version,omitempty"`
	// Attempt counts how often separating was begun. It does not count a worker that was stopped
	// and handed the job back.
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
	// Worker is who had the job; empty in stages where it waits or rests.
	Worker string `json:"worker,omitempty"`
	// Claim is the token of the claim; empty where jobs are not claimed.
	Claim string `json:"claim,omitempty"`
	// Attempt is the Record's Attempt at that time.
	Attempt int `json:"attempt"`
	// Error says why the visit ended without success.
	Error string `json:"error,omitempty"`
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

// MostRead is the most that is read of one file of a job: many times what a record has.
const MostRead = 1 << 20

var (
	// ErrNotFile is returned for what is not a regular file.
	ErrNotFile = errors.New("it is not a regular file")
	// ErrTooLong is returned for a file of more than MostRead bytes.
	ErrTooLong = errors.New("it is longer than 1 MiB")
	// ErrBadFiles is returned for a record that names files that no separation makes.
	ErrBadFiles = errors.New("the record names a file that is not a stem")
)

// Read reads an open file whole if it is a regular one of at most MostRead bytes. Open it without waiting (O_NONBLOCK):
// there may be a FIFO in its place.
func Read(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, ErrNotFile
	}
	data, err := io.ReadAll(io.LimitReader(f, MostRead+1))
	if err == nil && len(data) > MostRead {
		return nil, ErrTooLong
	}
	return data, err
}

// Parse reads the job.json of the job id.
func Parse(data []byte, id string) (Record, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, err
	}
	if r.ID != id {
		return Record{}, fmt.Errorf("it belongs to job %q", r.ID)
	}
	return r, nil
}

// Bytes returns the content of job.json.
func (r *Record) Bytes() ([]byte, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	return append(data, '\n'), err
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

// AudioFiles returns the names of the stems in the job's folder in output/. The error wraps ErrBadFiles
// if one of them is no name that a stem can have.
func (r *Record) AudioFiles() ([]string, error) {
	files := options.Recorded(r.Files)
	for _, name := range files {
		if !options.IsFile(name) {
			return nil, fmt.Errorf("%w: %.80q", ErrBadFiles, name)
		}
	}
	return files, nil
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

// Last returns the last visit, or an empty one if there is none.
func (r *Record) Last() Visit {
	if len(r.History) == 0 {
		return Visit{}
	}
	return r.History[len(r.History)-1]
}

// Arrive ends the last visit, with the failure if there was one, and begins another.
func (r *Record) Arrive(v Visit, failure string) {
	if n := len(r.History); n > 0 && r.History[n-1].End.IsZero() {
		r.History[n-1].End = v.Start
		r.History[n-1].Error = failure
	}
	v.Attempt = r.Attempt
	r.History = append(r.History, v)
}

// Begin records that worker has claimed the job into a working stage. A claim itself writes nothing: the
// worker records it with the next change, and readers add it to what they have read.
func (r *Record) Begin(stage Stage, worker, token string, start time.Time) {
	r.Rewind(stage.Entry())
	if stage == Separating {
		r.Attempt++
	}
	r.Arrive(Visit{Stage: stage, Start: start, Worker: worker, Claim: token}, "")
}

// Unarrive undoes the last Arrive: the visit before it goes on.
func (r *Record) Unarrive() {
	n := len(r.History)
	if n < 2 {
		return
	}
	r.History = r.History[:n-1]
	r.History[n-2].End = time.Time{}
	r.History[n-2].Error = ""
}

// Rewind makes the history agree with the stage where the job was found: after a power cut the folder
// may be back in a stage that it had left. The last visit to that stage goes on, and later ones are
// removed. A history without such a visit stays as it is.
func (r *Record) Rewind(stage Stage) {
	last := len(r.History) - 1
	for last >= 0 && r.History[last].Stage != stage {
		last--
	}
	for last >= 0 && len(r.History)-1 > last {
		r.Unarrive()
	}
}

// Announced reports whether the record of a job found in stage, under claim c, says that the job moves on
// from there. The claim is compared because the job may have been in this stage before.
func (r *Record) Announced(stage Stage, c Claim) bool {
	n := len(r.History)
	if n < 2 || r.History[n-1].Stage == stage || r.History[n-2].Stage != stage {
		return false
	}
	of := r.History[n-2].Claim
	return of == c.Token || (of == "" && c.Token == noToken)
}

// Failures are the errors of the attempts in a working stage, oldest first, since the job was last
// brought back from Failed. An attempt that did not count has none: its number was used again.
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

// Timings sums up how many seconds the job spent in each stage. A visit that has not ended counts until now.
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
