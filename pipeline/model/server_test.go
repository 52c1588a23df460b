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
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/ownership"
	"github.com/im2-audio/im2/pipeline/modelfolder"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/weights"
	"github.com/im2-audio/im2/pipeline/weights/weightstest"
)

// testWeights are what a test's model holds: they do not compress, so that offsets in the
// tarball mean something.
func testWeights() []byte {
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
type request struct{ rangeHeader string }

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
	s.requests = append(s.requests, request{r.Header.Get("Range")})
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

// fixture is a cache folder, a store, a server with the right tarball, and the call to test.
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
	content := testWeights()
	tarball := pack(t, "package/test.onnx", content)
	ui, _, notes := term.Test()
	f := &fixture{t: t, tarball: tarball, content: content, notes: notes, server: serve(t, false, tarball)}
	f.ensurer = &ensurer{
		Request: Request{
			Dir: t.TempDir(), Stores: []string{t.TempDir()}, Notes: t.TempDir(),
			Folder: folderOf(ownership.Owner{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}),
			Engine: "onnx", Model: "test", Precision: weights.FP32, UI: ui,
			Locate: func(context.Context) (Source, error) {
				f.located++
				return Source{Tarball: f.server.URL + "/t.tgz", Integrity: "sha1-x " + f.artifact.Integrity}, nil
			},
		},
		artifact: describe(tarball, content), known: true, prepare: fakePrepare,
		limits: limits{
			stall: 5 * time.Second, backoff: time.Millisecond, tries: 3, poll: time.Millisecond,
			free: func(string) (int64, bool) { return 0, false },
		},
	}
	return f
}

// fakePrepare makes pieces that depend on the source alone; what begins with "not" is no network.
func fakePrepare(ctx context.Context, source io.ReaderAt, size int64, req weights.Request,
	create func(string) (io.WriteCloser, error),
) (weights.Manifest, error) {
	data, err := io.ReadAll(io.NewSectionReader(source, 0, size))
	if err != nil {
		return weights.Manifest{}, err
	}
	if bytes.HasPrefix(data, []byte("not")) {
		return weights.Manifest{}, &weights.GraphError{Reason: "it has no input \"mix\""}
	}
	return weightstest.Write(ctx, weights.Manifest{Model: req.Model, Precision: req.Precision, Sources: weightstest.Sources()}, data, create)
}

func (f *fixture) path(names ...string) string {
	return filepath.Join(append([]string{f.Dir}, names...)...)
}

// stored is the path of a file in the store.
func (f *fixture) stored(name string) string { return filepath.Join(f.Stores[0], name) }

// part is where the download goes.
func (f *fixture) part() string { return f.stored("test.onnx.tgz.part") }

// write makes a file.
func (f *fixture) write(path string, data []byte) {
	f.t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// fetched runs and checks that the prepared model is there and nothing else is.
func (f *fixture) fetched() Result {
	f.t.Helper()
	got, err := f.ensure(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	if !got.Prepared || got.Path != f.path("test-fp32") || got.Bytes != 80_000 || len(got.Files) != 3 || got.Model != "test" {
		f.t.Errorf("result %+v", got)
	}
	f.complete()
	return got
}

// complete checks that all is there, and whole, with the right modes, and that nothing is left
// over.
func (f *fixture) complete() {
	f.t.Helper()
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	m, err := weights.Check(f.t.Context(), root, "test", weights.FP32, "")
	sum := sha256.Sum256(f.content)
	if err != nil || m.SourceSHA256 != hex.EncodeToString(sum[:]) {
		f.t.Errorf("the model is wrong: %v, %v", m, err)
	}
	for name, want := range map[string]os.FileMode{"": place.FolderMode, "p00.onnx": place.FileMode, "manifest.json": place.FileMode} {
		info, err := os.Lstat(f.path("test-fp32", name))
		if err != nil || info.Mode().Perm() != want {
			f.t.Errorf("%q: mode %v, %v", name, info, err)
		}
	}
	f.has(f.Dir, "test-fp32")
	f.has(f.Stores[0], "lock", "test.onnx")
}

// has checks what is in a folder.
func (f *fixture) has(dir string, want ...string) {
	f.t.Helper()
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if err != nil || !slices.Equal(names, want) {
		f.t.Errorf("%s has %q, %v; want %q", dir, names, err, want)
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
	if left, _ := filepath.Glob(f.path(".*")); len(left) > 0 {
		f.t.Errorf("temporary files were left: %q", left)
	}
	return err
}

// keeps checks how many bytes the part has; -1 means that there is none.
func (f *fixture) keeps(want int64) {
	f.t.Helper()
	got := int64(-1)
	if info, err := os.Lstat(f.part()); err == nil {
		got = info.Size()
	}
	if got != want {
		f.t.Errorf("the part has %d bytes, want %d", got, want)
	}
}

// folderOf makes folders of models for an owner.
func folderOf(o ownership.Owner) func(context.Context, *os.Root, string) (modelfolder.Writer, error) {
	return func(_ context.Context, cache *os.Root, name string) (modelfolder.Writer, error) {
		return modelfolder.New(cache, name, int(o.UID), int(o.GID))
	}
}
