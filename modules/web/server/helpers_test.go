package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// newServer serves a data folder in which nothing is yet.
func newServer(tb testing.TB) (*Server, string) {
	tb.Helper()
	data := tb.TempDir()
	for _, folder := range job.Folders() {
		spooltest.Must(tb, os.MkdirAll(filepath.Join(data, folder), 0o755))
	}
	s, err := New(Options{Data: data, Hosts: []string{"music.example"}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Poll: time.Second / 10})
	spooltest.Must(tb, err)
	return s, data
}

// id is the ID of the nth job.
func id(n int) string { return fmt.Sprintf("20261123T113047.%06dZ-1a2b3c4d", n) }

// putJob makes the nth job in a stage.
func putJob(tb testing.TB, data string, stage job.Stage, n int, record map[string]any) {
	tb.Helper()
	folder := filepath.Join(data, job.QueueFolder, string(stage), id(n))
	spooltest.Must(tb, os.MkdirAll(folder, 0o755))
	record["id"] = id(n)
	putJSON(tb, filepath.Join(folder, job.RecordFile), record)
}

// putSong makes a song in output/, with these stems.
func putSong(tb testing.TB, data, folder string, track map[string]any, stems ...string) {
	tb.Helper()
	at := filepath.Join(data, job.OutputFolder, folder)
	spooltest.Must(tb, os.MkdirAll(at, 0o755))
	track["stems"] = stems
	for _, stem := range stems {
		if !strings.ContainsAny(stem, "/\x00") && len(stem) < 256 && stem != ".." {
			spooltest.Must(tb, os.WriteFile(filepath.Join(at, stem), []byte("sound of "+stem), 0o644))
		}
	}
	putJSON(tb, filepath.Join(at, job.TrackFile), track)
}

func putJSON(tb testing.TB, path string, value any) {
	tb.Helper()
	text, err := json.Marshal(value)
	spooltest.Must(tb, err)
	spooltest.Must(tb, os.WriteFile(path, text, 0o644))
}

// request asks for an address as a browser on this machine does. change may be nil.
func request(tb testing.TB, s *Server, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "http://localhost:8420/", nil)
	r.RequestURI = target
	path, query, _ := strings.Cut(target, "?")
	r.URL.RawQuery = query
	if err := setPath(r, path); err != nil { // As net/http does with what it cannot read.
		w := httptest.NewRecorder()
		w.WriteHeader(http.StatusBadRequest)
		return w
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func setPath(r *http.Request, path string) error {
	u, err := r.URL.Parse(path)
	if err != nil {
		return err
	}
	r.URL.Path, r.URL.RawPath = u.Path, u.RawPath
	return nil
}

// get asks for a page that must be there.
func get(tb testing.TB, s *Server, target string) string {
	tb.Helper()
	w := request(tb, s, target, nil)
	if w.Code != http.StatusOK {
		tb.Fatalf("GET %s = %d: %s", target, w.Code, w.Body)
	}
	return w.Body.String()
}
