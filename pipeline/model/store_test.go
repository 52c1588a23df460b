package model

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/weights"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	a, found := artifacts[0], len(artifacts) == 1
	if !found || a.File != "htdemucs.onnx" || a.Size != 174_263_526 || len(a.SHA256) != 64 {
		t.Errorf("%+v, %v", a, found)
	}
	for _, c := range []struct{ engine, model, precision, want string }{
		{"onnx", "htdemucs", "fp32", ""},
		{"onnx", "mine.v2", "int8", ""},
		{"torch", "htdemucs", "fp32", "DEMUCS_ENGINE=onnx"},
		{"", "htdemucs", "fp32", "DEMUCS_ENGINE=onnx"},
		{"onnx", "", "fp32", "DEMUCS_MODEL=htdemucs"},
		{"onnx", "../x", "fp32", "DEMUCS_MODEL=htdemucs"},
		{"onnx", "htdemucs", "fp16", "DEMUCS_PRECISION=fp32 or int8"},
		{"onnx", "htdemucs", "", "DEMUCS_PRECISION=fp32 or int8"},
	} {
		err := Choose(c.engine, c.model, c.precision)
		if c.want == "" && err == nil {
			continue
		}
		ui, _, _ := term.Test()
		_, again := Ensure(t.Context(), Request{Engine: c.engine, Model: c.model, Precision: c.precision, Dir: t.TempDir(), UI: ui})
		if err == nil || again == nil || exit.Outermost(again).(*exit.Error).Code != exit.Unusable || //nolint:errorlint // Outermost returns no other type
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, %v", c, err, again)
		}
	}
}

func TestParseSource(t *testing.T) {
	t.Parallel()
	got, err := ParseSource([]byte(`{"integrity":"sha512-a","tarball":"https://host/a.tgz","shasum":"b","fileCount":3}`))
	if err != nil || got != (Source{Tarball: "https://host/a.tgz", Integrity: "sha512-a"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "{}", "[]", `{"tarball":"x"}`, `{"integrity":"x"}`} {
		if _, err := ParseSource([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// What was downloaded serves the other precision, too.
func TestTheStoreKeepsTheSource(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.fetched()
	f.Precision = weights.INT8
	got, err := f.ensure(t.Context())
	if err != nil || !got.Prepared || got.Path != f.path("test-int8") || got.Received != 0 || len(f.server.seen()) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	f.has(f.Dir, "test-fp32", "test-int8")
}

func TestADamagedSourceIsFetchedAgain(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"empty": nil, "cut": testWeights()[:1000], "longer": append(testWeights(), 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.write(f.stored("test.onnx"), data)
			f.fetched()
			if !strings.Contains(f.notes.String(), "is damaged: fetching it again") {
				t.Errorf("notes %q", f.notes)
			}
		})
	}
}

// The file that earlier versions had in the cache folder spares the download, if it is right.
func TestTheSourceOfEarlierVersions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write(f.path("test.onnx"), f.content)
	if got := f.fetched(); got.Received != 0 || f.located != 0 {
		t.Errorf("%+v", got)
	}
	g := newFixture(t)
	g.write(g.path("test.onnx"), g.content[1:])
	if got, err := g.ensure(t.Context()); err != nil || got.Received != g.artifact.TarballSize {
		t.Errorf("%+v, %v", got, err)
	}
	g.has(g.Dir, "test-fp32", "test.onnx")
}

func TestStores(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	file := f.stored("file")
	f.write(file, nil)
	f.Stores = []string{filepath.Join(file, "models"), filepath.Join(t.TempDir(), "a", "b")}
	if _, err := f.ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.has(f.Stores[1], "lock", "test.onnx")
	g := newFixture(t)
	g.Stores = []string{filepath.Join(file, "models")}
	if err := g.fails(exit.Failed); !strings.Contains(err.Error(), "opening the folder for model downloads") {
		t.Errorf("error %q", err)
	}
	g.Stores = nil
	if err := g.fails(exit.Failed); !strings.Contains(err.Error(), "set HOME") {
		t.Errorf("error %q", err)
	}
}

func TestWrongTarball(t *testing.T) {
	t.Parallel()
	changed := testWeights()
	changed[7]++
	cases := []struct {
		name, member string
		content      []byte
		spoil        func(tarball []byte) []byte
	}{
		{"no such member", "package/other.onnx", testWeights(), nil},
		{"other content", "package/test.onnx", changed, nil},
		{"other size", "package/test.onnx", changed[:100], nil},
		{"no archive", "package/test.onnx", nil, func([]byte) []byte { return []byte("just text") }},
		{"cut", "package/test.onnx", testWeights(), func(b []byte) []byte { return b[:len(b)/2] }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			tarball := pack(t, c.member, c.content)
			if c.spoil != nil {
				tarball = c.spoil(tarball)
			}
			f.server.body = tarball
			pinned := describe(tarball, f.content)
			f.artifact.Integrity, f.artifact.TarballSize = pinned.Integrity, pinned.TarballSize
			if err := f.fails(exit.Failed); !strings.Contains(err.Error(), "unpacking the model test into") {
				t.Errorf("error %q", err)
			}
			f.has(f.Stores[0], "lock", "test.onnx.tgz.part")
		})
	}
}

func TestTooLittleSpace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.free = func(string) (int64, bool) { return 150_000, true }
	err := f.fails(exit.Failed)
	if !strings.Contains(err.Error(), "are needed and 150 kB are free; make room") {
		t.Errorf("error %q", err)
	}
	if f.located != 0 {
		t.Error("it was located")
	}
	f.free = func(string) (int64, bool) { return math.MaxInt64, true }
	f.fetched()
}

// Two runs at once share one download.
func TestTwoRuns(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	other := *f.ensurer
	other.Locate = func(ctx context.Context) (Source, error) { return f.Locate(ctx) }
	var runs sync.WaitGroup
	var mu sync.Mutex
	count := 0
	for _, e := range []*ensurer{f.ensurer, &other} {
		runs.Go(func() {
			got, err := e.ensure(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if got.Prepared {
				count++
			}
		})
	}
	runs.Wait()
	f.complete()
	if count != 1 || len(f.server.seen()) != 1 {
		t.Errorf("%d runs prepared it, with %d requests", count, len(f.server.seen()))
	}
}

func TestWaitsForAnotherRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	held := flock.New(f.stored("lock"))
	if got, err := held.TryLock(); !got || err != nil {
		t.Fatal("not locked", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := f.ensure(ctx); err == nil || !strings.Contains(err.Error(), "waiting for another run") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(f.notes.String(), "waiting: another run prepares a model") {
		t.Errorf("notes %q", f.notes)
	}
	time.AfterFunc(200*time.Millisecond, func() { _ = held.Unlock() })
	f.fetched()
}

func TestTheOriginal(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 2 { // downloaded, then from the store
		got, err := f.original(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(got)
		if err := errors.Join(err, got.Close()); err != nil || !bytes.Equal(content, f.content) {
			t.Errorf("%d bytes, %v; want those that were packed", len(content), err)
		}
	}
	if n := len(f.server.seen()); n != 1 {
		t.Errorf("%d requests", n)
	}
	f.known = false
	var coded *exit.Error
	if _, err := f.original(t.Context()); !errors.As(err, &coded) || coded.Code != exit.Unusable {
		t.Errorf("an unknown model: %v", err)
	}
}
