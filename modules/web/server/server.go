// Package server is the web pages of the pipeline: the queue, the library of finished songs, and what went wrong. It reads
// the data folder, and writes nothing, unless songs may be put into input/ with a browser.
//
// What comes from the data folder is never a path here, and never markup: addresses name songs by keys that were made from
// their folders, files are opened below that folder alone and without following a link, and html/template escapes all
// texts. What comes from a browser chooses among what was listed, and nothing else.
package server

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"github.com/im2-audio/im2/pipeline/queue"
	"github.com/im2-audio/im2/pipeline/space"
)

const (
	// mostConnections bounds what all clients together can hold.
	mostConnections = 512
	// mostHeader is how many bytes a request may have.
	mostHeader = 8 << 10
	// pageWithin is how long a client may take to read a page, and to ask for it.
	pageWithin, askWithin = 30 * time.Second, 5 * time.Second
)

//go:embed templates
var templates embed.FS

// Options are what a Server is made of.
type Options struct {
	// Data is the data folder.
	Data string
	// Hosts are names, beside those of this machine, by which a browser may ask for the pages; see ParseHosts.
	Hosts []string
	// Log is told of what failed.
	Log *slog.Logger
	// Upload says that songs can be put into input/, and MostUpload how many bytes each may have.
	Upload     bool
	MostUpload int64
	// Metrics answers /metrics; nil for none.
	Metrics http.Handler
	// MinFree is how much of the data folder's disk stays free; pages warn before.
	MinFree space.Limit
	// Poll is how often the live page looks for changes.
	Poll time.Duration
}

// A Server serves the pages of one data folder.
type Server struct {
	data    string
	hosts   []string
	log     *slog.Logger
	pages   map[string]*template.Template
	assets  map[string]asset
	library *library
	queue   *queueView
	feed    *feed
	metrics http.Handler
	uploads *uploads // nil where nothing can be put in
	now     func() time.Time
}

// New makes the server of a data folder, and reads nothing of that yet. The error is one of the program itself.
func New(o Options) (*Server, error) {
	s := &Server{data: o.Data, hosts: o.Hosts, log: o.Log, library: newLibrary(o.Data), metrics: o.Metrics, now: time.Now}
	s.queue = &queueView{queue: queue.New(o.Data), data: o.Data, limit: o.MinFree, now: s.time}
	s.feed = newFeed(max(o.Poll, time.Second/10), s.liveQueue)
	if o.Upload {
		s.uploads = newUploads(o)
	}
	var err error
	if s.assets, err = readAssets(); err != nil {
		return nil, err
	}
	s.pages, err = s.parsePages()
	return s, err
}

func (s *Server) time() time.Time { return s.now() }

// Refresh looks for new songs, and whether songs can be put in. The error says why that was not possible.
func (s *Server) Refresh(ctx context.Context) error {
	err := s.library.refresh(ctx)
	if s.uploads != nil {
		err = errors.Join(err, s.uploads.tend())
	}
	return err
}

// Serve answers on a listener until ctx ends. The error is why it ended before.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler: s.Handler(), MaxHeaderBytes: mostHeader, ReadHeaderTimeout: askWithin, WriteTimeout: pageWithin, IdleTimeout: time.Minute,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // What a client does wrong is its own business.
	}
	stop := context.AfterFunc(ctx, func() { _ = h.Close() }) // Nothing is lost.
	defer stop()
	if s.uploads != nil {
		defer s.uploads.end()
	}
	if err := h.Serve(netutil.LimitListener(l, mostConnections)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving pages: %w", err)
	}
	return nil
}

// Handler answers all requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.queuePage)
	mux.HandleFunc("GET /live", s.feed.ServeHTTP)
	mux.HandleFunc("GET /library", s.libraryPage)
	if s.metrics != nil {
		mux.Handle("GET /metrics", s.metrics)
	}
	mux.HandleFunc("GET /failed", s.failedPage)
	if s.uploads != nil {
		mux.HandleFunc("GET "+uploadPath, s.uploadPage)
		mux.HandleFunc("POST "+uploadPath, s.upload)
	}
	mux.HandleFunc("GET /static/{name}", s.staticFile)
	s.songRoutes(mux)
	mux.HandleFunc("/", s.notFound)
	return s.secure(mux)
}

// parsePages reads the templates. Each page is layout.html with its own blocks.
func (s *Server) parsePages() (map[string]*template.Template, error) {
	layout, err := template.New("layout.html").Funcs(s.functions()).ParseFS(templates, "templates/layout.html", "templates/part-*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	names, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	pages := make(map[string]*template.Template)
	for _, name := range names {
		if base := path.Base(name); base == "layout.html" || strings.HasPrefix(base, "part-") {
			continue
		}
		page := template.Must(layout.Clone())
		if _, err := page.ParseFS(templates, name); err != nil {
			return nil, fmt.Errorf("reading the pages: %w", err)
		}
		pages[strings.TrimSuffix(path.Base(name), ".html")] = page
	}
	return pages, nil
}

// A page is what a template gets.
type page struct {
	// Name is that of the page, by which the navigation knows where it is.
	Name string
	// Data is the page's own.
	Data any
}

// show answers with a page.
func (s *Server) show(w http.ResponseWriter, status int, name string, data any) {
	var text bytes.Buffer
	if err := s.pages[name].Execute(&text, page{name, data}); err != nil {
		s.log.Error("making a page", "page", name, "error", err)
		http.Error(w, "the page could not be made; the service's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // Who asked is gone, otherwise.
}

// notFound answers a request for what is not there.
func (s *Server) notFound(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusNotFound, "notfound", nil)
}

// failed answers a request whose data could not be read.
func (s *Server) failed(w http.ResponseWriter, what string, err error) {
	if !errors.Is(err, context.Canceled) { // Else who asked is gone.
		s.log.Error(what, "error", err)
	}
	s.show(w, http.StatusServiceUnavailable, "failure", printable(fmt.Sprintf("%s: %v", what, err)))
}
