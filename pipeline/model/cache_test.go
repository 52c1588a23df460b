package model

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/weights"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	cases := []struct {
		name  string
		setUp func(t *testing.T, data string)
		ok    bool
		want  string
	}{
		{"is there", func(t *testing.T, data string) {
			t.Helper()
			makeDir(t, filepath.Join(data, "models", "demucs"))
		}, true, ""},
		{"is missing", func(*testing.T, string) {}, false, `"mage demucs-cache" makes it`},
		{"leads out", func(t *testing.T, data string) {
			t.Helper()
			makeDir(t, filepath.Join(data, "models"))
			link(t, outside, filepath.Join(data, "models", "demucs"))
		}, false, "no link may lead out"},
		{"its parent leads out", func(t *testing.T, data string) {
			t.Helper()
			makeDir(t, filepath.Join(outside, "demucs"))
			link(t, outside, filepath.Join(data, "models"))
		}, false, "no link may lead out"},
		{"is a file", func(t *testing.T, data string) {
			t.Helper()
			makeDir(t, filepath.Join(data, "models"))
			if err := os.WriteFile(filepath.Join(data, "models", "demucs"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, false, "it must be a folder"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.Data = t.TempDir()
			f.Dir = filepath.Join(f.Data, "models", "demucs")
			c.setUp(t, f.Data)
			if c.ok {
				f.fetched()
				return
			}
			if err := f.fails(exit.Failed); !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want %q", err, c.want)
			}
		})
	}
	f := newFixture(t)
	f.Data = filepath.Join(t.TempDir(), "elsewhere")
	if err := f.fails(exit.Failed); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("data folder missing: %q", err)
	}
}

func makeDir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

// Whatever happens to a prepared model, the next run notices it and prepares it again.
func TestDamageIsRepaired(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(f *fixture) error
		note   string
	}{
		"noise": {func(f *fixture) error {
			p, err := os.OpenFile(f.path("test-fp32", "p01.onnx"), os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = p.WriteAt(bytes.Repeat([]byte{5}, 4096), 20_000)
			return errors.Join(err, p.Close())
		}, "p01.onnx does not have the content"},
		"truncated":   {func(f *fixture) error { return os.Truncate(f.path("test-fp32", "p00.onnx"), 0) }, "has 0 bytes"},
		"missing":     {func(f *fixture) error { return os.Remove(f.path("test-fp32", "p00.onnx")) }, "p00.onnx is missing"},
		"no manifest": {func(f *fixture) error { return os.Remove(f.path("test-fp32", "manifest.json")) }, "manifest is missing"},
		"a file": {func(f *fixture) error {
			return errors.Join(os.RemoveAll(f.path("test-fp32")), os.WriteFile(f.path("test-fp32"), nil, 0o600))
		}, "is not a folder"},
		"a link": {func(f *fixture) error {
			return errors.Join(os.RemoveAll(f.path("test-fp32")), os.Symlink("nowhere", f.path("test-fp32")))
		}, "is not a folder"},
		"exchanged, with its manifest": {func(f *fixture) error {
			m, err := fakePrepare(f.t.Context(), strings.NewReader("other"), 5, weights.Request{Model: "test", Precision: weights.FP32},
				func(name string) (io.WriteCloser, error) { return os.Create(f.path("test-fp32", name)) })
			return errors.Join(err, os.WriteFile(f.path("test-fp32", weights.ManifestFile), m.Bytes(), 0o600))
		}, "is not the one that was written"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.fetched()
			if err := c.damage(f); err != nil {
				t.Fatal(err)
			}
			if found, err := f.look(t.Context()); err != nil || !found.There || !strings.Contains(found.Wrong, c.note) {
				t.Errorf("looked: %+v, %v; want %q", found, err, c.note)
			}
			f.fetched()
			if !strings.Contains(f.notes.String(), c.note) || len(f.server.seen()) != 1 {
				t.Errorf("%d requests, notes %q", len(f.server.seen()), f.notes)
			}
		})
	}
}

// What the digest in the code does not agree with is not used.
func TestAnotherResultThanPinned(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.pinned = strings.Repeat("0", 64)
	if err := f.fails(exit.Failed); !strings.Contains(err.Error(), "is not what this version of IM2 was checked with") {
		t.Errorf("error %q", err)
	}
}

func TestPrepareFails(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.prepare = func(_ context.Context, _ io.ReaderAt, _ int64, _ weights.Request, create func(string) (io.WriteCloser, error)) (weights.Manifest, error) {
		p, err := create("p00.onnx")
		if err != nil {
			return weights.Manifest{}, err
		}
		if _, err := create("p00.onnx"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("the same piece twice: %v", err)
		}
		return weights.Manifest{}, errors.Join(p.Close(), errors.New("boom"))
	}
	if err := f.fails(exit.Failed); !strings.Contains(err.Error(), "preparing the model test into") || !strings.Contains(err.Error(), "boom") {
		t.Errorf("error %q", err)
	}
	f.has(f.Dir)
}

func TestWhatAKilledRunLeftIsRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	makeDir(t, f.path(".test-fp32.tmp-old", "sub"))
	makeDir(t, f.path(".test-fp32.tmp-new"))
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(f.path(".test-fp32.tmp-old"), old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.has(f.Dir, ".test-fp32.tmp-new", "test-fp32")
}

func TestInspectSaysWhatIsThereAndChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if found, err := f.look(t.Context()); err != nil || found.There || found.Path != f.path("test-fp32") {
		t.Errorf("nothing is there: %+v, %v", found, err)
	}
	f.fetched()
	if found, err := f.look(t.Context()); err != nil || !found.There || found.Wrong != "" {
		t.Errorf("all is right: %+v, %v", found, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.look(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if _, err := Inspect(t.Context(), Request{Dir: filepath.Join(f.Dir, "none"), Engine: "onnx", Model: "htdemucs", Precision: "fp32"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
}

// own runs Own as a user would, with the fake that prepares.
func (f *fixture) own(t *testing.T, name string, content []byte) (Result, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	f.write(file, content)
	return f.ownFile(t, file)
}

func (f *fixture) ownFile(t *testing.T, file string) (Result, error) {
	t.Helper()
	opened, info, err := openSource(file)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = opened.Close() }()
	content, err := io.ReadAll(opened)
	if err != nil {
		t.Fatal(err)
	}
	sum := describe(nil, content).SHA256
	e, err := ownEnsurer(f.Request, file, sum)
	if err != nil {
		return Result{}, err
	}
	e.prepare = fakePrepare
	return e.ownFrom(t.Context(), bytes.NewReader(content), info.Size(), sum)
}

func TestAModelOfOnesOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	got, err := f.own(t, "mine-6s.onnx", []byte("network"))
	if err != nil || got.Model != "mine-6s" || !got.Prepared || got.Path != f.path("mine-6s-fp32") {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err = f.own(t, "mine-6s.onnx", []byte("network")); err != nil || got.Prepared {
		t.Errorf("again: %+v, %v", got, err)
	}
	if got, err = f.own(t, "mine-6s.onnx", []byte("better")); err != nil || !got.Prepared {
		t.Errorf("another file of that name: %+v, %v", got, err)
	}
	// From now on it can be chosen, and is noticed when it changes.
	req := f.Request
	req.Model = "mine-6s"
	if err := CheckSettings(req); err != nil {
		t.Error(err)
	}
	if got, err := Ensure(t.Context(), req); err != nil || got.Prepared || got.Bytes != 80_000 {
		t.Errorf("%+v, %v", got, err)
	}
	m, err := fakePrepare(t.Context(), strings.NewReader("evil"), 4, weights.Request{Model: "mine-6s", Precision: weights.FP32},
		func(name string) (io.WriteCloser, error) { return os.Create(f.path("mine-6s-fp32", name)) })
	f.write(f.path("mine-6s-fp32", weights.ManifestFile), m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Ensure(t.Context(), req); err == nil || !strings.Contains(err.Error(), `"mage demucs-cache -model=FILE -precision=fp32" prepares it again`) {
		t.Errorf("exchanged, with its manifest: %v", err)
	}
	req.Precision = weights.INT8
	var coded *exit.Error
	for _, err := range []error{CheckSettings(req), func() error { _, err := Ensure(t.Context(), req); return err }()} {
		if !errors.As(err, &coded) || coded.Code != exit.Unusable || !strings.Contains(err.Error(), `there is no model "mine-6s" in int8; known are htdemucs`) {
			t.Errorf("another precision: %v", err)
		}
	}
}

func TestAFileThatIsNoModel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, want := range map[string]string{
		"My Model.onnx": "is no name for a model", ".onnx": "is no name for a model", "a b": "is no name",
		"htdemucs.onnx": "is the name of a model that IM2 knows",
	} {
		_, err := f.own(t, name, []byte("network"))
		var coded *exit.Error
		if !errors.As(err, &coded) || coded.Code != exit.Unusable || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err := f.own(t, "other.onnx", []byte("not a network"))
	var graph *weights.GraphError
	if !errors.As(err, &graph) || !strings.Contains(err.Error(), `it has no input "mix"`) {
		t.Errorf("another graph: %v", err)
	}
	for file, want := range map[string]string{
		f.path("none.onnx"): "takes the ONNX file of an HTDemucs network", f.Dir: "is not a regular file",
	} {
		if _, err := Own(t.Context(), f.Request, file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", file, err)
		}
	}
	if _, err := f.own(t, "empty.onnx", nil); err == nil || !strings.Contains(err.Error(), "the file has 0 bytes") {
		t.Errorf("empty: %v", err)
	}
	f.has(f.Dir)
}
