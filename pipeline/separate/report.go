package separate

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/queue"
	"github.com/im2-audio/im2/pipeline/title"
)

// mostWarnings is how many of a job's warnings are shown.
const mostWarnings = 10

// answer is what -json prints.
type answer struct {
	Job   string `json:"job"`
	Name  string `json:"name"`
	Track string `json:"track"`
	// Stems has the path of each stem, and of the song without its vocals as "instrumental".
	Stems map[string]string `json:"stems"`
	// TrackJSON is the path of the track's description.
	TrackJSON string `json:"track_json"`
	// DurationSeconds is how long the track plays.
	DurationSeconds float64 `json:"duration_seconds,omitempty"`
	Engine          string  `json:"engine,omitempty"`
	Model           string  `json:"model,omitempty"`
	// EngineVersion counts the changes of the engine that can be heard.
	EngineVersion int `json:"engine_version"`
	// Settings are what the stems were made with, where the record says so.
	Settings options.Options `json:"settings,omitzero"`
	// Warnings are what people should know of the stems.
	Warnings []string `json:"warnings"`
}

func (s *separation) report(j queue.Job, h handed) error {
	switch {
	case j.Problem != "":
		return exit.Errorf(exit.Failed, "separating %q: job %s is %s, but %s", h.name, j.ID, j.Stage, plain(j.Problem))
	case j.Stage == job.Rejected:
		return exit.Errorf(exit.Failed, "separating %q: it was rejected: %s; it is now %s",
			h.name, strings.TrimSuffix(plain(j.Error), "."), safetext.Quoted(s.rel(job.RejectedFolder, job.OneName(j.RawRejected()))))
	case j.Stage == job.Failed:
		tries := english.Plural(j.Attempt, "attempt", "")
		if j.Losses > 0 {
			tries += " and " + english.Plural(j.Losses, "lost worker", "")
		}
		return exit.Errorf(exit.Failed, `separating %q: given up after %s: %s; %s"mage logs -service=demucs" says more`,
			h.name, tries, plain(j.Error), s.kept(j))
	}
	track := job.SongFolder(j.Track)
	if track == "" {
		return exit.Errorf(exit.Failed, "separating %q: job %s is done, but %q is no folder that stems can have",
			h.name, j.ID, j.Track)
	}
	files, err := j.AudioFiles()
	if err != nil {
		return exit.Errorf(exit.Failed, "separating %q: job %s is done, but %w", h.name, j.ID, err)
	}
	missing := slices.DeleteFunc(slices.Clone(files), func(file string) bool { return s.has(path.Join(job.OutputFolder, track, file)) })
	if len(missing) > 0 {
		return exit.Fixable(exit.Failed, exit.Fix{Type: "mage logs -service=organizer", Note: "says more"}, `separating %q: job %s is done, but %s %s missing in %s`,
			h.name, j.ID, strings.Join(missing, ", "), english.PluralWord(len(missing), "is", "are"), safetext.Quoted(s.rel(job.OutputFolder, track)))
	}
	return s.answer(j, track, files)
}

func (s *separation) answer(j queue.Job, track string, files []string) error {
	a := answer{
		Job: j.ID, Name: j.Name, Track: track, Stems: map[string]string{},
		TrackJSON:       s.rel(job.OutputFolder, track, job.TrackFile),
		DurationSeconds: j.DurationSeconds, Engine: j.Engine, Model: j.Model,
		EngineVersion: max(1, j.EngineVersion), Settings: j.Settings, Warnings: append([]string{}, j.Warnings...),
	}
	for _, file := range files {
		path := s.rel(job.OutputFolder, track, file)
		a.Stems[options.StemOf(file)] = path
		if !s.JSON {
			s.UI.Result("%s", safetext.Quoted(path))
		}
	}
	if s.JSON {
		return s.UI.JSON(a)
	}
	for _, warning := range j.Warnings[:min(mostWarnings, len(j.Warnings))] {
		s.UI.Note("%s: %s", shown(j.Name), plain(warning))
	}
	if more := len(j.Warnings) - mostWarnings; more > 0 {
		s.UI.Note("and %d more in %s", more, safetext.Quoted(a.TrackJSON))
	}
	return nil
}

// kept says where the song of a failed job is, if it is where such songs are kept: somebody may have
// removed it, which is then why the job failed.
func (s *separation) kept(j queue.Job) string {
	source := []string{job.QueueFolder, string(job.Failed), j.ID, job.SourceFile}
	if !s.has(path.Join(source...)) {
		return ""
	}
	return fmt.Sprintf(`the song is kept as %s, and "mage retry %s" tries it again; `, s.rel(source...), j.ID)
}

func (s *separation) has(name string) bool {
	data, err := os.OpenRoot(s.Data)
	if err != nil {
		return false
	}
	defer func() { _ = data.Close() }() // It was only read.
	info, err := data.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// rel is a path in the data folder for people: relative to Base where it is inside of it.
func (s *separation) rel(elem ...string) string {
	full := filepath.Join(append([]string{s.Data}, elem...)...)
	if s.Base == "" {
		return full
	}
	rel, err := filepath.Rel(resolved(s.Base), filepath.Join(append([]string{resolved(s.Data)}, elem...)...))
	if err != nil || !filepath.IsLocal(rel) {
		return full
	}
	return rel
}

// resolved returns a path without links, so that two spellings of it can be compared.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// openSong opens the file that the user named. A link is followed: it is the user's own.
func openSong(path, data string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = suits(info)
	}
	if err == nil && inInput(path, data) {
		return nil, exit.Errorf(exit.Unusable,
			`reading the song %q: it is already in the pipeline's input, which takes it from there: "mage status" shows how far it is`, path)
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	// Without O_NONBLOCK, a FIFO put there since would be waited for, for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unreadable(path, err)
	}
	info, err = f.Stat()
	if err == nil {
		err = suits(info)
	}
	if err != nil {
		_ = f.Close()
		return nil, unreadable(path, err)
	}
	return f, nil
}

func suits(info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return errors.New("it is a folder; give one file")
	case !info.Mode().IsRegular():
		return errors.New("it is a device, a pipe or a socket; give a file")
	case info.Size() == 0:
		return errors.New("it is empty; if it is still being copied, wait until that is done")
	}
	return nil
}

func unreadable(path string, err error) error {
	var failed *fs.PathError
	switch {
	case path == "":
		return exit.Fixable(exit.Unusable, exit.Fix{Type: "mage separate FILE", Note: "takes one"}, `reading the song: no file was named`)
	case errors.Is(err, fs.ErrNotExist):
		return exit.Errorf(exit.Unusable, "reading the song %q: %w; check the name; a relative one starts in this folder", path, fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return exit.Fixable(exit.Unusable, exit.Fix{Type: "ls -l", Note: "shows who may"}, `reading the song %q: %w`, path, fs.ErrPermission)
	case errors.As(err, &failed):
		err = failed.Err // The path is in the message already.
	}
	return exit.Errorf(exit.Unusable, "reading the song %q: %w", path, err)
}

// inInput reports whether the file is in the pipeline's input folder.
func inInput(path, data string) bool {
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return false
	}
	input, err := os.Stat(filepath.Join(data, job.InputFolder))
	return err == nil && os.SameFile(folder, input)
}

const (
	// longestShown is how many characters of a name a progress line has room for.
	longestShown = 40
	// nameless is the name of a song that has none but dots.
	nameless = "track"
)

// inputName is the name that the song gets in the input folder: its own, without what
// would make the watcher take it for one that is still being written (a dot at the
// beginning, or the extension of a download).
func inputName(path string) string {
	return cmp.Or(title.Whole(filepath.Base(path)), nameless)
}

// shown is a name on a line of its own or in a progress line: short, and in quotes where
// it would otherwise break the line or disturb the terminal.
func shown(name string) string {
	if runes := []rune(name); utf8.ValidString(name) && len(runes) > longestShown {
		name = string(runes[:longestShown-1]) + "…"
	}
	return safetext.Quoted(name)
}

// plain is text from a service for the end of an error: without what could disturb a
// terminal.
func plain(text string) string {
	const most = 2000
	return strings.TrimSpace(safetext.Line(title.Shorten(strings.ToValidUTF8(text, "?"), most)))
}
