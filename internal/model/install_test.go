package model

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	a, err := Lookup("onnx", "htdemucs")
	if err != nil || a.File != "htdemucs.onnx" || a.Size != 174_263_526 || len(a.SHA256) != 64 {
		t.Errorf("%+v, %v", a, err)
	}
	for _, c := range [][2]string{{"onnx", "other"}, {"torch", "htdemucs"}, {"", ""}} {
		ui, _, _ := term.Test()
		_, err := Ensure(t.Context(), Request{Engine: c[0], Model: c[1], Dir: t.TempDir(), UI: ui})
		if exit.Outermost(err).(*exit.Error).Code != exit.Unusable || //nolint:errorlint // Outermost returns no other type
			!strings.Contains(err.Error(), "DEMUCS_ENGINE=onnx DEMUCS_MODEL=htdemucs") {
			t.Errorf("%v: %v", c, err)
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
	if err := f.fails(exit.Failed); !strings.Contains(err.Error(), "does not exist") {
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

// A container may plant anything under the names that are used. What a link leads to, in
// the folder or out of it, must be left as it is.
func TestPlantedLinks(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"test.onnx", ".test.onnx.tgz.part", ".test.onnx.tmp"} {
		for _, inside := range []bool{true, false} {
			f := newFixture(t)
			victim := filepath.Join(t.TempDir(), "victim")
			target := victim
			if inside {
				makeDir(t, filepath.Join(f.Dir, "other"))
				victim, target = filepath.Join(f.Dir, "other", "victim"), filepath.Join("other", "victim")
			}
			if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			link(t, target, f.path(name))
			if _, err := f.ensure(t.Context()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			data, err := os.ReadFile(victim)
			info, statErr := os.Lstat(victim)
			if err != nil || statErr != nil || string(data) != "precious" || info.Mode() != 0o600 {
				t.Errorf("%s: the victim has %q, %v, %v", name, data, info.Mode(), err)
			}
			if err := os.RemoveAll(f.path("other")); err != nil {
				t.Fatal(err)
			}
			f.complete()
		}
	}
}

func TestPlantedFolders(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".test.onnx.tgz.part", ".test.onnx.tmp"} {
		f := newFixture(t)
		makeDir(t, filepath.Join(f.Dir, name, "sub"))
		f.fetched()
	}
	f := newFixture(t)
	makeDir(t, filepath.Join(f.Dir, "test.onnx", "sub"))
	if err := f.fails(exit.Failed); !strings.Contains(err.Error(), `remove it with "rm -r"`) {
		t.Errorf("error %q", err)
	}
}

func TestTooLittleSpace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.free = func(*os.File) (uint64, bool) { return 150_000, true }
	err := f.fails(exit.Failed)
	if want := "603 kB are needed and 150 kB are free; make room"; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q, want %q", err, want)
	}
	if f.located != 0 {
		t.Error("it was located")
	}
	f.free = func(*os.File) (uint64, bool) { return 1 << 63, true }
	f.fetched()
}

func TestWrongTarball(t *testing.T) {
	t.Parallel()
	changed := weights()
	changed[7]++
	cases := []struct {
		name, member string
		content      []byte
		spoil        func(tarball []byte) []byte
	}{
		{"no such member", "package/other.onnx", weights(), nil},
		{"other content", "package/test.onnx", changed, nil},
		{"other size", "package/test.onnx", changed[:100], nil},
		{"no archive", "package/test.onnx", nil, func([]byte) []byte { return []byte("just text") }},
		{"cut", "package/test.onnx", weights(), func(b []byte) []byte { return b[:len(b)/2] }},
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
		})
	}
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
			if got.Fetched {
				count++
			}
		})
	}
	runs.Wait()
	f.complete()
	if count != 1 || len(f.server.seen()) != 1 {
		t.Errorf("%d runs fetched, with %d requests", count, len(f.server.seen()))
	}
}
