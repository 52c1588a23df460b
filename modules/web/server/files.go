package server

import (
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/title"
)

// mediaTypes are those of the files that are served, by their extensions. Nothing else is, and nothing is guessed.
var mediaTypes = map[string]string{
	".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg",
	".json": "application/json", ".jpg": "image/jpeg", ".png": "image/png",
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

const (
	// chunkWithin is how long a client may take to read some kilobytes of a file. A player that is paused reads nothing, and
	// asks again for the rest.
	chunkWithin = 30 * time.Second
	// slowest is how many bytes of a file a client must read in a second.
	slowest = 32 << 10
)

// covers are what the picture of a song can be called, and besideStems all files that pages use beside its stems.
var (
	covers      = []string{"cover.jpg", "cover.png"}
	besideStems = append([]string{job.PeaksFile}, covers...)
)

// songFile serves one file of a song: a stem that is named in its track.json, or one of besideStems. With ?download it is one to be kept.
func (s *Server) songFile(w http.ResponseWriter, r *http.Request) {
	one := s.library.find(r.Context(), r.PathValue("key"))
	if one == nil {
		s.notFound(w, r)
		return
	}
	name := r.PathValue("name")
	if !slices.Contains(besideStems, name) && !slices.Contains(s.stemsOf(one), name) {
		s.notFound(w, r)
		return
	}
	f, err := place.Open(filepath.Join(songFolder(s.data, one.Folder), name))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, job.ErrNotFile) && !errors.Is(err, syscall.ELOOP) {
			s.log.Error("opening a file of a song", "song", one.Folder, "file", name, "error", err)
		}
		s.notFound(w, r)
		return
	}
	defer func() { _ = f.Close() }() // It was only read.
	info, err := f.Stat()
	if err != nil {
		s.failed(w, "reading a stem", err)
		return
	}
	w.Header().Set("Content-Type", mediaTypes[strings.ToLower(path.Ext(name))])
	w.Header().Set("Cache-Control", "private, no-cache")
	if r.URL.Query().Has("download") {
		w.Header().Set("Content-Disposition", attachment(title.Safe(one.Title)+" - "+name))
	}
	http.ServeContent(steadyWriter(w, info.Size()), r, "", info.ModTime(), f)
}

// stemsOf returns the names of a song's audio files.
func (s *Server) stemsOf(one *song) []string {
	t, err := readTrack(s.data, one.Folder)
	if err != nil || len(t.Stems) == 0 {
		return stemsIn(s.data, one.Folder)
	}
	return t.Stems
}

// attachment says under which name a file is to be kept.
func attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": safeName(name)})
}

// safeName is a name that every system can give to a file.
func safeName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"/\|?*`, r) {
			return '_'
		}
		return r
	}, printable(name))
}

// A steady writer gives up a client that reads too slowly.
type steady struct {
	http.ResponseWriter
	control *http.ResponseController
	end     time.Time
}

// steadyWriter writes at most size bytes.
func steadyWriter(w http.ResponseWriter, size int64) http.ResponseWriter {
	within := pageWithin + time.Duration(size/slowest)*time.Second
	return &steady{w, http.NewResponseController(w), time.Now().Add(within)}
}

// Write gives the client chunkWithin to read what is written.
func (s *steady) Write(p []byte) (int, error) {
	end := time.Now().Add(chunkWithin)
	if s.end.Before(end) {
		end = s.end
	}
	_ = s.control.SetWriteDeadline(end) // What has none, such as a test's, waits for nobody.
	return s.ResponseWriter.Write(p)
}
