package job

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/title"
	"github.com/im2-audio/im2/pipeline/weights"
)

const (
	// MostRead is the most that is read of one file of a job. Earlier versions wrote records of that length.
	MostRead = 1 << 20
	// MostRecord is the most that Bytes returns, whatever the Record has: the limits below see to that.
	MostRecord = 512 << 10

	// mostError, mostText and mostWarnings limit what people read; what is longer is cut.
	mostError    = 4096
	mostText     = 1024
	mostWarnings = 32
	// mostWord limits what only programs write.
	mostWord = 255
	// mostFiles is more than the audio files of a song: a model has up to 6 stems.
	mostFiles = 16
	// mostCount and mostSeconds limit numbers, so that sums of them are numbers.
	mostCount   = 1 << 30
	mostSeconds = 1e12
)

var (
	// ErrNotFile is returned for what is not a regular file.
	ErrNotFile = errors.New("it is not a regular file")
	// ErrTooLong is returned for a file of more than MostRead bytes.
	ErrTooLong = errors.New("it is longer than 1 MiB")
)

// Read reads an open file whole if it is a regular one of at most MostRead bytes; of a longer one it returns so many,
// with ErrTooLong. Open it without waiting (O_NONBLOCK): there may be a FIFO in its place.
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
		return data[:MostRead], ErrTooLong
	}
	return data, err
}

// Parse reads the job.json of the job id, and refuses it where a field has a value that no service writes: all fields
// can be used for what they are for, and names of files as names. Bytes returns what it accepts without a change.
func Parse(data []byte, id string) (Record, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, err
	}
	if r.ID != id {
		return Record{}, fmt.Errorf("it belongs to job %.80q", r.ID)
	}
	if err := r.check(); err != nil {
		return Record{}, err
	}
	r.shorten()
	return r, nil
}

// ParseProgress reads progress.json.
func ParseProgress(data []byte) (Progress, error) {
	var p Progress
	if err := json.Unmarshal(data, &p); err != nil {
		return Progress{}, err
	}
	if !isWord(string(p.Phase)) {
		return Progress{}, wrong("phase", string(p.Phase), notWord)
	}
	return p, nil
}

// Bytes returns the content of job.json. Texts of r that are too long are cut.
func (r *Record) Bytes() ([]byte, error) {
	r.shorten()
	data, err := json.MarshalIndent(r, "", "  ")
	return append(data, '\n'), err
}

// NameIn finds the song's original file name in a job.json that Parse refuses, also if data is only its beginning. It
// returns "" if there is none that a file can have.
func NameIn(data []byte) string {
	var r Record
	in := json.NewDecoder(strings.NewReader(string(data)))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return ""
	}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			break
		}
		var value any
		switch key {
		case "name":
			value = &r.Name
		case "name_bytes":
			value = &r.NameBytes
		default:
			value = new(json.RawMessage)
		}
		if in.Decode(value) != nil {
			break
		}
	}
	if fileName(r.Name, r.NameBytes) != nil {
		return ""
	}
	return r.RawName()
}

// shorten cuts what is too long, so that Bytes keeps to MostRecord.
func (r *Record) shorten() {
	r.Error = cut(r.Error, mostError)
	if len(r.Warnings) > mostWarnings {
		r.Warnings = slices.Clone(r.Warnings[:mostWarnings]) // so that nothing holds the others
	}
	for i := range r.Warnings {
		r.Warnings[i] = cut(r.Warnings[i], mostText)
	}
	r.History.compact()
	for i := range r.History {
		r.History[i].Error = cut(r.History[i].Error, mostText)
	}
}

func cut(text string, limit int) string {
	return title.Shorten(strings.ToValidUTF8(text, string(utf8.RuneError)), limit)
}

func bounded(seconds float64) float64 { return max(-mostSeconds, min(seconds, mostSeconds)) }

// check returns what is wrong with the first field that has a value which no service writes.
func (r *Record) check() error {
	if !ValidID(r.ID) {
		return wrong("id", r.ID, "it is not the ID of a job")
	}
	if r.Name == "" {
		return errors.New("name: there is none")
	}
	for _, f := range []struct {
		field, text string
		raw         []byte
	}{{"name", r.Name, r.NameBytes}, {"archived", r.Archived, r.ArchivedBytes}, {"rejected", r.Rejected, r.RejectedBytes}} {
		if err := fileName(f.text, f.raw); err != nil {
			return wrong(f.field, exact(f.text, f.raw), err.Error())
		}
	}
	if r.Track != SongFolder(r.Track) {
		return wrong("track", r.Track, "it is not a folder that stems can have")
	}
	if !isWord(r.MIME) {
		return wrong("mime", r.MIME, notWord)
	}
	if !isWord(r.Engine) {
		return wrong("engine", r.Engine, notWord)
	}
	if digest, err := hex.DecodeString(r.SHA256); err != nil || r.SHA256 != "" && len(digest) != 32 || strings.ToLower(r.SHA256) != r.SHA256 {
		return wrong("sha256", r.SHA256, "it is not a digest")
	}
	if r.DuplicateOf != "" && !ValidID(r.DuplicateOf) {
		return wrong("duplicate_of", r.DuplicateOf, "it is not the ID of a job")
	}
	if r.Model != "" && !weights.ValidName(r.Model) {
		return wrong("model", r.Model, "no model can have this name")
	}
	if _, err := r.AudioFiles(); err != nil {
		return err
	}
	if !slices.Contains([]string{"", CoverJPEG, CoverPNG}, r.Cover) {
		return wrong("cover", r.Cover, "it is not the name of a picture")
	}
	if err := errors.Join(in("options", r.Options.Check(nil)), in("settings", r.Settings.Check(nil)), in("tags", r.Tags.Check())); err != nil {
		return err
	}
	return r.checkNumbers()
}

func (r *Record) checkNumbers() error {
	for _, f := range []struct {
		field string
		value float64
		most  float64
	}{
		{"size", float64(r.Size), 1 << 60},
		{"duration_seconds", r.DurationSeconds, mostSeconds},
		{"gain", r.Gain, mostCount},
		{"source_rate", float64(r.SourceRate), mostCount},
		{"engine_version", float64(r.EngineVersion), mostCount},
		{"attempt", float64(r.Attempt), mostCount},
		{"losses", float64(r.Losses), mostCount},
	} {
		if f.value < 0 || f.value > f.most {
			return fmt.Errorf("%s %g: it must be from 0 to %g", f.field, f.value, f.most)
		}
	}
	for _, v := range r.History {
		switch {
		case !slices.Contains(Stages, v.Stage):
			return wrong("stage", string(v.Stage), "there is no such stage")
		case !isWord(v.Worker):
			return wrong("worker", v.Worker, notWord)
		case v.Claim != "" && !IsToken(v.Claim):
			return wrong("claim", v.Claim, "it is not the token of a claim")
		case min(v.Attempt, v.Count) < 0 || max(v.Attempt, v.Count) > mostCount || bounded(v.Seconds) != v.Seconds:
			return fmt.Errorf("history: attempt %d, count %d, seconds %g: one of them is not possible", v.Attempt, v.Count, v.Seconds)
		}
	}
	return nil
}

func wrong(field, value, why string) error { return fmt.Errorf("%s %.80q: %s", field, value, why) }

func in(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

// fileName returns what is wrong with a file's name that displayed wrote; "" is no name yet.
func fileName(text string, raw []byte) error {
	name := exact(text, raw)
	shown, bytes := displayed(name)
	switch {
	case shown != text || !slices.Equal(bytes, raw):
		return errors.New("its text and its bytes differ")
	case OneName(name) != name || strings.ContainsRune(name, 0) || len(name) > title.Limit:
		return errors.New("it is not the name of a file")
	}
	return nil
}

const notWord = "it is too long, or has characters that cannot be printed"

func isWord(text string) bool {
	return len(text) <= mostWord && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// AudioFiles returns the names of the stems in the job's folder in output/, and an error if one of them is no name that
// a stem can have, there are two of one name, or more than a song has.
func (r *Record) AudioFiles() ([]string, error) {
	files := options.Recorded(r.Files)
	if len(files) > mostFiles {
		return nil, fmt.Errorf("files: there are %d, and a song has at most %d", len(files), mostFiles)
	}
	for i, name := range files {
		if !options.IsFile(name) || slices.Contains(files[:i], name) {
			return nil, wrong("files", name, "it is not a stem, or named twice")
		}
	}
	return files, nil
}
