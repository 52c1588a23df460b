package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
)

// contents reads a sample's modules: content by path.
func contents(t *testing.T, s sample) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(s.root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Dir(path) == s.root {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestASampleIsWhatItClaims(t *testing.T) {
	t.Parallel()
	s := sample{root: t.TempDir(), name: "im2-bench-1-build0", mark: "bench-1", modules: 3, files: 7}
	if err := s.make(); err != nil {
		t.Fatal(err)
	}
	if err := s.freshen(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := contents(t, s)
	if len(first) != 3*(7+1) {
		t.Errorf("%d files, want 3 times 7 and a Dockerfile", len(first))
	}
	if err := s.freshen(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := contents(t, s)
	for path, text := range second {
		if text == first[path] || len(text) != len(first[path]) {
			t.Errorf("%s has %d bytes after %d, or the same content", path, len(text), len(first[path]))
		}
	}
	if err := s.change("m01"); err != nil {
		t.Fatal(err)
	}
	if got := differing(second, contents(t, s)); len(got) != 1 || filepath.Dir(got[0]) != filepath.Join(s.root, "m01") {
		t.Errorf("changed %q", got)
	}
}

func TestASampleIsAComposeProject(t *testing.T) {
	t.Parallel()
	s := sample{root: t.TempDir(), name: "im2-bench-1-build0", mark: "bench-1", modules: 2, files: 1}
	if err := s.make(); err != nil {
		t.Fatal(err)
	}
	p, err := project.Open(t.Context(), s.root, environ(nil, "base"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Name() != s.name || !slices.Equal(p.Built(), s.each()) || p.Image("m01") != s.image("m01") {
		t.Errorf("%s builds %q; image %s", p.Name(), p.Built(), p.Image("m01"))
	}
	m := p.Compose.Services["m01"]
	if base := m.Build.Args[project.BaseImage]; base == nil || *base != "base" {
		t.Errorf("builds on %v", base)
	}
	if m.Labels[markLabel] != "bench-1" || m.Build.Labels[markLabel] != "bench-1" || m.NetworkMode != "none" {
		t.Errorf("%+v", m)
	}
}

func TestSizesAreOfAllKinds(t *testing.T) {
	t.Parallel()
	smallest, largest := size(0), size(0)
	for n := range 300 {
		smallest, largest = min(smallest, size(n)), max(largest, size(n))
	}
	if smallest < 256 || smallest > 512 || largest < 4000 || largest > 4400 {
		t.Errorf("from %d to %d bytes", smallest, largest)
	}
}

func TestTheEnvironmentNamesNoOtherProject(t *testing.T) {
	t.Parallel()
	got := environ([]string{
		"PATH=/bin", "COMPOSE_PROJECT_NAME=mine", "COMPOSE_FILE=x", "BASE_IMAGE=a", "BUILDKIT_PROGRESS=tty",
		"MAGEFILE_VERBOSE=1", "MAGEFILE_GOCMD=go", "MAGEFILE_HASHFAST=1", "APP_USER_ID=5",
	}, "b")
	want := []string{"PATH=/bin", "MAGEFILE_HASHFAST=1", "APP_USER_ID=5", "BASE_IMAGE=b", "BUILDKIT_PROGRESS=plain"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAWayThatBuiltSomethingElseIsToldOf(t *testing.T) {
	t.Parallel()
	before := map[string]string{"m00": "a", "m01": "b", "m02": "c"}
	w := &builder{buildName: "a way"}
	for _, c := range []struct {
		changed, want []string
		ok            bool
	}{
		{nil, nil, true},
		{[]string{"m02", "m00"}, []string{"m00", "m02"}, true},
		{[]string{"m01"}, nil, false},
		{nil, []string{"m01"}, false},
		{[]string{"m00"}, []string{"m01"}, false},
	} {
		now := maps.Clone(before)
		for _, module := range c.changed {
			now[module] += "x"
		}
		err := w.judge(c.want, differing(before, now))
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), `"a way"`) {
			t.Errorf("%q changed of %q: %v", c.changed, c.want, err)
		}
	}
	if got := differing(nil, before); !slices.Equal(got, []string{"m00", "m01", "m02"}) {
		t.Errorf("of new images, %q differ", got)
	}
}

func TestDigestSeconds(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]float64{
		`{"digest_seconds": 0.02, "modules": []}`: 0.02,
		`{"digest_seconds": 0}`:                   0,
		`{"modules": []}`:                         -1,
		"":                                        -1,
		"MODULE  IMAGE":                           -1,
	} {
		got, ok := digestSeconds([]byte(answer))
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: got %f, %v", answer, got, ok)
		}
	}
}

// answers is a Runner whose commands print one answer after the other.
type answers struct {
	texts []string
	ran   []run.Cmd
}

func (a *answers) Run(_ context.Context, c run.Cmd) error {
	a.ran = append(a.ran, c)
	text := a.texts[(len(a.ran)-1)%len(a.texts)]
	if text == "" {
		return errors.New("no such flag")
	}
	_, err := io.WriteString(c.Stdout, text)
	return err
}

func TestDigestIsTheMedianOrLeftOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		texts []string
		want  float64
		said  string
	}{
		{[]string{`{"digest_seconds": 0.5}`, `{"digest_seconds": 0.1}`, `{"digest_seconds": 0.2}`}, 0.2, ""},
		{[]string{`{"modules": []}`}, 0, "is left out"},
		{[]string{""}, 0, "is left out"},
	} {
		ui, _, said := term.Test()
		r := &answers{texts: c.texts}
		b := &Bench{Runner: r, UI: ui}
		w := &builder{buildName: mageBuild, build: func(sample) run.Cmd { return run.Cmd{Name: "mage", Args: []string{"build"}} }}
		got, err := b.digest(t.Context(), []*builder{{buildName: "another"}, w}, len(c.texts))
		if err != nil || got != c.want || !strings.Contains(said.String(), c.said) || c.said == "" && said.Len() > 0 {
			t.Errorf("%q: got %f, %v; %s", c.texts, got, err, said)
		}
		if command := r.ran[0].String(); command != "mage build -json" {
			t.Errorf("ran %q", command)
		}
	}
}

func TestRandomBytesAreNotRepeated(t *testing.T) {
	t.Parallel()
	if a, b := bytesOf(random(), 64), bytesOf(random(), 64); bytes.Equal(a, b) || len(a) != 64 {
		t.Errorf("%x, %x", a, b)
	}
}
