package model

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
)

// weights are what a test's model holds: they do not compress, so that offsets in the
// tarball mean something.
func weights() []byte {
	random := rand.NewChaCha8([32]byte{1})
	data := make([]byte, 300_000)
	_, _ = random.Read(data)
	return data
}

// pack makes a tarball of one member between two others.
func pack(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(zip)
	for _, m := range []struct {
		name string
		data []byte
	}{{"package/README.md", []byte("read me")}, {name, content}, {"package/after", nil}} {
		header := &tar.Header{Name: m.name, Mode: 0o600, Size: int64(len(m.data)), Typeflag: tar.TypeReg}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func describe(tarball, content []byte) Artifact {
	packed, plain := sha512.Sum512(tarball), sha256.Sum256(content)
	return Artifact{
		Engine: "onnx", Model: "test", File: "test.onnx", Package: "test 1.0.0", Member: "package/test.onnx",
		Size: int64(len(content)), SHA256: hex.EncodeToString(plain[:]),
		TarballSize: int64(len(tarball)), Integrity: "sha512-" + base64.StdEncoding.EncodeToString(packed[:]),
	}
}

// request is what a server saw.
type request struct{ rangeHeader, ifRange string }

// server serves one tarball and can be told to misbehave.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
	// answer, unless nil, is asked first for each request (counted from 0); it returns
	// whether it has answered.
	answer func(n int, w http.ResponseWriter, r *http.Request) bool
	tag    string
	body   []byte
}

func serve(t *testing.T, tls bool, body []byte) *server {
	t.Helper()
	s := &server{tag: `"one"`, body: body}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = quiet()
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, request{r.Header.Get("Range"), r.Header.Get("If-Range")})
	answer, tag := s.answer, s.tag
	s.mu.Unlock()
	if answer != nil && answer(n, w, r) {
		return
	}
	s.full(w, r, tag)
}

func (s *server) full(w http.ResponseWriter, r *http.Request, tag string) {
	if tag != "" {
		w.Header().Set("ETag", tag)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.body))
}

func (s *server) seen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

// cutAt serves as usual and drops the connection after n bytes of the body.
func (s *server) cutAt(n int, w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	tag := s.tag
	s.mu.Unlock()
	s.full(&cutter{ResponseWriter: w, left: n}, r, tag)
	return true
}

type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) >= c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler) //nolint:forbidigo // how a handler breaks a connection
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

// fixture is a cache folder, a server with the right tarball, and the call to test.
type fixture struct {
	*ensurer
	t       *testing.T
	server  *server
	tarball []byte
	content []byte
	located int
	notes   *bytes.Buffer
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	content := weights()
	tarball := pack(t, "package/test.onnx", content)
	ui, _, notes := term.Test()
	f := &fixture{t: t, tarball: tarball, content: content, notes: notes, server: serve(t, false, tarball)}
	f.ensurer = &ensurer{
		Request: Request{
			Dir: t.TempDir(), UID: uint32(os.Getuid()), GID: uint32(os.Getgid()),
			Engine: "onnx", Model: "test", UI: ui,
			Locate: func(context.Context) (Source, error) {
				f.located++
				return Source{Tarball: f.server.URL + "/t.tgz", Integrity: "sha1-x " + f.artifact.Integrity}, nil
			},
		},
		artifact: describe(tarball, content),
		limits: limits{
			stall: 5 * time.Second, backoff: time.Millisecond, tries: 3, poll: time.Millisecond,
			free: func(*os.File) (uint64, bool) { return 0, false },
		},
	}
	return f
}

func (f *fixture) path(name string) string { return filepath.Join(f.Dir, name) }

// put makes a file in the cache folder.
func (f *fixture) put(name string, data []byte) {
	f.t.Helper()
	if err := os.WriteFile(f.path(name), data, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// fetched runs and checks that the weights are there and nothing else is.
func (f *fixture) fetched() Result {
	f.t.Helper()
	got, err := f.ensure(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	if !got.Fetched || got.Path != f.path("test.onnx") || got.Bytes != f.artifact.Size {
		f.t.Errorf("result %+v", got)
	}
	f.complete()
	return got
}

func (f *fixture) complete() {
	f.t.Helper()
	data, err := os.ReadFile(f.path("test.onnx"))
	if err != nil || !bytes.Equal(data, f.content) {
		f.t.Errorf("the weights are wrong: %d bytes, %v", len(data), err)
	}
	info, err := os.Lstat(f.path("test.onnx"))
	if err != nil || info.Mode() != mode {
		f.t.Errorf("mode %v, %v", info, err)
	}
	entries, err := os.ReadDir(f.Dir)
	if err != nil || len(entries) != 1 {
		f.t.Errorf("left over: %v, %v", entries, err)
	}
}

// fails runs and checks the error's code.
func (f *fixture) fails(code exit.Code) error {
	f.t.Helper()
	got, err := f.ensure(f.t.Context())
	if err == nil {
		f.t.Fatalf("no error: %+v", got)
	}
	var coded *exit.Error
	if !errors.As(err, &coded) || coded.Code != code {
		f.t.Errorf("error %#v, want the code %d", err, code)
	}
	if _, statErr := os.Lstat(f.path(".test.onnx.tmp")); statErr == nil {
		f.t.Error("the temporary file was left")
	}
	return err
}

// keeps checks how many bytes the part has; -1 means that there is none.
func (f *fixture) keeps(want int64) {
	f.t.Helper()
	got := int64(-1)
	if info, err := os.Lstat(f.path(".test.onnx.tgz.part")); err == nil {
		got = info.Size()
	}
	if got != want {
		f.t.Errorf("the part has %d bytes, want %d", got, want)
	}
}
