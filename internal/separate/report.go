package separate

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/queue"
)

// stems are the parts of a track, in the order in which they are told.
func stems() []string { return []string{"vocals", "drums", "bass", "other"} }

// answer is what -json prints.
type answer struct {
	Job   string `json:"job"`
	Name  string `json:"name"`
	Track string `json:"track"`
	// Stems has the path of each stem.
	Stems map[string]string `json:"stems"`
	// TrackJSON is the path of the track's description.
	TrackJSON string `json:"track_json"`
	// DurationSeconds is how long the track plays.
	DurationSeconds float64 `json:"duration_seconds,omitempty"`
	Engine          string  `json:"engine,omitempty"`
	Model           string  `json:"model,omitempty"`
}

// report tells how the job ended.
func (s *separation) report(job queue.Job, h handed) error {
	switch job.Stage {
	case queue.Rejected:
		return exit.Errorf(exit.Failed, "separating %q: it was rejected: %s; it is now %s",
			h.name, plain(job.Error), line(s.rel("rejected", local(job.RawRejected()))))
	case queue.Failed:
		return exit.Errorf(exit.Failed, `separating %q: given up after %s: %s; %s"mage logs -service=demucs" says more`,
			h.name, attempts(job.Attempt), plain(job.Error), s.kept(job))
	}
	track := local(job.Track)
	if track == "" {
		return exit.Errorf(exit.Failed, "separating %q: job %s is done, but %q is no name of a folder of stems",
			h.name, job.ID, job.Track)
	}
	if missing := s.missing(track); len(missing) > 0 {
		return exit.Errorf(exit.Failed, `separating %q: job %s is done, but %s is without %s; "mage logs -service=organizer" says more`,
			h.name, job.ID, line(s.rel("output", track)), strings.Join(missing, ", "))
	}
	return s.answer(job, track)
}

func (s *separation) answer(job queue.Job, track string) error {
	a := answer{
		Job: job.ID, Name: job.Name, Track: track, Stems: map[string]string{},
		TrackJSON:       s.rel("output", track, "track.json"),
		DurationSeconds: job.DurationSeconds, Engine: job.Engine, Model: job.Model,
	}
	for _, stem := range stems() {
		path := s.rel("output", track, stem+".wav")
		a.Stems[stem] = path
		if !s.JSON {
			s.UI.Result("%s", line(path))
		}
	}
	if !s.JSON {
		return nil
	}
	return s.UI.JSON(a)
}

// kept says where the song of a failed job is, if it is where such songs are kept: somebody may have
// removed it, which is then why the job failed.
func (s *separation) kept(job queue.Job) string {
	source := []string{"queue", string(queue.Failed), job.ID, "source"}
	if !s.has(path.Join(source...)) {
		return ""
	}
	return fmt.Sprintf(`the song is kept as %s, and "mage retry %s" tries it again; `, s.rel(source...), job.ID)
}

// has reports whether there is a file in the data folder, and no link.
func (s *separation) has(name string) bool {
	data, err := os.OpenRoot(s.Data)
	if err != nil {
		return false
	}
	defer func() { _ = data.Close() }() // It was only read.
	info, err := data.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// missing returns the stems that are not where they should be.
func (s *separation) missing(track string) []string {
	var missing []string
	for _, stem := range stems() {
		if file := stem + ".wav"; !s.has(path.Join("output", track, file)) {
			missing = append(missing, file)
		}
	}
	return missing
}

// local returns a name from a job's record if it is one name and not a way elsewhere;
// otherwise "".
func local(name string) string {
	if name == "." || !filepath.IsLocal(name) || filepath.Base(name) != name {
		return ""
	}
	return name
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

// attempts counts them in words.
func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return strconv.Itoa(n) + " attempts"
}
