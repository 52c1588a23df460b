package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/term"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	c := Case{Ours: "ours", Results: []Result{
		{Way: "another", Runs: []Figures{{9, 8, 100}, {1, 2, 300}, {3, 4, 200}}},
		{Way: "ours", Runs: []Figures{{2, 1, 5}, {1, 1, 6}, {0.5, 1, 7}, {2, 1, 1}}},
	}}
	c.summarize()
	another, ours := c.Results[0], c.Results[1]
	if another.MedianSeconds != 3 || another.MinSeconds != 1 || another.MaxSeconds != 9 || another.Ratio != 2 || another.MedianCPUSeconds != 4 || another.PeakMemory != 300 {
		t.Errorf("%+v", another)
	}
	if ours.MedianSeconds != 1.5 || ours.PeakMemory != 7 || ours.Ratio != 1 {
		t.Errorf("%+v", ours)
	}
	if header, rows := Rows([]Case{c}); len(rows) != 2 || len(rows[0]) != len(header) || rows[0][7] != "2.00" {
		t.Errorf("%q, %q", header, rows)
	}
}

func TestWhatWasNotMeasuredIsLeftOut(t *testing.T) {
	t.Parallel()
	c := Case{Ours: "ours", Results: []Result{{Way: "ours", Runs: []Figures{{Seconds: 2}}}}}
	c.summarize()
	if header, rows := Rows([]Case{c}); slices.Contains(header, "CPU") || len(rows[0]) != len(header) || rows[0][5] != "1.00" {
		t.Errorf("%q, %q", header, rows)
	}
	text, err := json.Marshal(c)
	if err != nil || strings.Contains(string(text), "cpu") || strings.Contains(string(text), "memory") || strings.Contains(string(text), "entries") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestTheWaysTakeTurns(t *testing.T) {
	t.Parallel()
	ui, _, _ := term.Test()
	b := &Bench{UI: ui, Runs: 2}
	var order []int
	c, err := b.inTurn(Case{Ours: "b"}, []string{"a", "b", "c"}, func(way, n int) (Figures, error) {
		order = append(order, way)
		return Figures{Seconds: float64(way + n + 1)}, nil
	})
	if err != nil || !slices.Equal(order, []int{0, 1, 2, 1, 2, 0}) {
		t.Errorf("%v, %v", order, err)
	}
	if r := c.Results[2]; r.Way != "c" || len(r.Runs) != 2 || r.MedianSeconds != 3.5 || r.Ratio != 1.4 {
		t.Errorf("%+v", r)
	}
	broken := errors.New("broken")
	if _, err = b.inTurn(Case{}, []string{"a"}, func(int, int) (Figures, error) { return Figures{}, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestTheTreeIsWhatItClaims(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ files, folders int }{{1000, 250}, {7, 101}, {50, 1}} {
		tr := tree{root: t.TempDir(), files: c.files, folders: c.folders}
		var seen int64
		if err := tr.make(t.Context(), func(n int64) { seen = n }); err != nil {
			t.Fatal(err)
		}
		count := func(counts func(path string, d fs.DirEntry) bool) (n int64) {
			_ = filepath.WalkDir(tr.root, func(path string, d fs.DirEntry, _ error) error {
				if counts(path, d) {
					n++
				}
				return nil
			})
			return n
		}
		files := count(func(path string, _ fs.DirEntry) bool { return strings.HasSuffix(path, ".wav") })
		if all := count(func(string, fs.DirEntry) bool { return true }); files != int64(c.files) || seen != files || all != tr.entries() {
			t.Errorf("%+v has %d files, %d entries; %d were told", c, files, all, seen)
		}
		if os.Geteuid() != 0 {
			continue // the rest gives files away
		}
		if err := tr.spoil(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		wrong := count(func(_ string, d fs.DirEntry) bool {
			info, _ := d.Info()
			return info.Mode().Perm() == 0o640 || info.Mode().Perm() == 0o750
		})
		if wrong != tr.entries()/100 {
			t.Errorf("%+v has %d wrong entries, want %d", c, wrong, tr.entries()/100)
		}
	}
}

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
	first := contents(t, s)
	if len(first) != 3*(7+1) {
		t.Errorf("%d files, want 3 times 7 and a Dockerfile", len(first))
	}
	if err := s.freshen(); err != nil {
		t.Fatal(err)
	}
	second := contents(t, s)
	for path, text := range second {
		if text == first[path] || len(text) != len(first[path]) {
			t.Errorf("%s has %d bytes after %d, or the same content", path, len(text), len(first[path]))
		}
	}
	if err := s.fresh(1, 0); err != nil {
		t.Fatal(err)
	}
	for path, text := range contents(t, s) {
		if changed := text != second[path]; changed != (path == filepath.Join(s.root, "m01", "0000.dat")) {
			t.Errorf("%s changed: %t", path, changed)
		}
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
	if p.Name() != s.name || !slices.Equal(p.Built(), []string{"m00", "m01"}) || p.Image("m01") != s.name+"-m01" {
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

func TestTheSong(t *testing.T) {
	t.Parallel()
	var wav bytes.Buffer
	s := &separations{Song: Song{Seconds: 0.5}}
	if err := s.song(&wav); err != nil {
		t.Fatal(err)
	}
	const frames, header = songRate / 2, 44
	head := wav.Bytes()[:header]
	if wav.Len() != header+4*frames || string(head[:4]) != "RIFF" || binary.LittleEndian.Uint32(head[4:]) != uint32(wav.Len()-8) || binary.LittleEndian.Uint32(head[40:]) != 4*frames {
		t.Errorf("%d bytes, header % x", wav.Len(), head)
	}
	loudest := int16(0)
	for i := range 2 * frames {
		loudest = max(loudest, int16(binary.LittleEndian.Uint16(wav.Bytes()[header+2*i:])))
	}
	if loudest < 16000 || loudest > 31000 {
		t.Errorf("the loudest sample is %d", loudest)
	}
}

func TestAJobThatWasGivenUp(t *testing.T) {
	t.Parallel()
	s := &separations{data: t.TempDir()}
	if ok, err := s.handedOn("one"); ok || err != nil {
		t.Errorf("nothing there: %t, %v", ok, err)
	}
	for _, folder := range []string{"queue/separated/one", "queue/failed/two"} {
		if err := os.MkdirAll(s.path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.path("queue/failed/two/job.json"), []byte(`{"error":"no memory"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.handedOn("one"); !ok || err != nil {
		t.Errorf("separated: %t, %v", ok, err)
	}
	if ok, err := s.handedOn("two"); ok || err == nil || !strings.Contains(err.Error(), "no memory") {
		t.Errorf("failed: %t, %v", ok, err)
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	n := 0
	if err := poll(t.Context(), time.Minute, time.Millisecond, func() (bool, error) { n++; return n == 3, nil }); err != nil || n != 3 {
		t.Errorf("%d calls, %v", n, err)
	}
	never := func() (bool, error) { return false, nil }
	if err := poll(t.Context(), time.Millisecond, time.Millisecond, never); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestProcessor(t *testing.T) {
	t.Parallel()
	if got := processor("processor\t: 0\nmodel name\t: AMD EPYC: 7B13\nmodel name\t: x\n"); got != "AMD EPYC: 7B13" {
		t.Errorf("%q", got)
	}
	if got := processor("processor\t: 0\nCPU part\t: 0xd0c\n"); got != "" {
		t.Errorf("%q", got)
	}
}
