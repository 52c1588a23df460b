package separate

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/handover"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

func TestInputName(t *testing.T) {
	t.Parallel()
	cases := []struct{ path, want string }{
		{"song.mp3", "song.mp3"},
		{"/a/b/../song.mp3", "song.mp3"},
		{"-rf.mp3", "-rf.mp3"},
		{"..hidden.mp3", "hidden.mp3"},
		{".mp3", "mp3"},
		{"song.mp3.part", "song.mp3"},
		{"song.mp3.PART.tmp", "song.mp3"},
		{".part", "part"},
		{"...", "track"},
		{"a\nb 'c' \"d\".mp3", "a\nb 'c' \"d\".mp3"},
		{"n\xff.mp3", "n\xff.mp3"},
	}
	for _, c := range cases {
		if got := inputName(c.path); got != c.want {
			t.Errorf("%q: %q, want %q", c.path, got, c.want)
		}
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, want string }{
		{"Ünder.mp3", "Ünder.mp3"},
		{"a\nb", `"a\nb"`},
		{"\x1b[2J", `"\x1b[2J"`},
		{"n\xff", `"n\xff"`},
		{strings.Repeat("x", 50), strings.Repeat("x", 39) + "…"},
	}
	for _, c := range cases {
		if got := shown(c.name); got != c.want {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
}

// Names that are hard to handle go through the whole pipeline.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"-rf.mp3", "two words.mp3", "line\nbreak.mp3", `quo'te".mp3`, "n\xffn.mp3", "$HOME `id`.mp3", "..hidden.mp3",
		strings.Repeat("x", 251) + ".mp3", `back\slash.mp3`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := newData(t)
			(&pipeline{t: t, data: data, end: job.Done}).start()
			s := newTry(t, data, name)
			if err := s.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(s.out.String(), "\n"); n != 4 {
				t.Errorf("%d lines: %q", n, s.out)
			}
		})
	}
}

func TestNamesThatAreTaken(t *testing.T) {
	t.Parallel()
	data := newData(t)
	if err := os.WriteFile(filepath.Join(data, "input", "song.mp3"), []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	makeDir(t, filepath.Join(data, "input", "song (2).mp3"))
	if err := os.Symlink("nowhere", filepath.Join(data, "input", "song (3).mp3")); err != nil {
		t.Fatal(err)
	}
	s := newTry(t, data, "song.mp3")
	h := s.hand(t)
	if h.name != "song (4).mp3" {
		t.Errorf("name %q", h.name)
	}
	content, err := os.ReadFile(filepath.Join(data, "input", h.name))
	if err != nil || string(content) != "music of song.mp3" {
		t.Errorf("content %q, %v", content, err)
	}
	theirs, err := os.ReadFile(filepath.Join(data, "input", "song.mp3"))
	if err != nil || string(theirs) != "theirs" {
		t.Errorf("theirs %q, %v", theirs, err)
	}
	info, err := os.Stat(filepath.Join(data, "input", h.name))
	if err != nil || info.Mode() != place.FileMode {
		t.Errorf("mode %v, %v", info, err)
	}
	inputIs(t, data, "song (2).mp3", "song (3).mp3", "song (4).mp3", "song.mp3")
}

// hand hands the song over without following it.
func (s *try) hand(t *testing.T) handed {
	t.Helper()
	song, err := openSong(s.File, s.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = song.Close() }()
	h, err := s.handOver(t.Context(), song)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSongsThatAreNone(t *testing.T) {
	t.Parallel()
	data := newData(t)
	dir := t.TempDir()
	write := func(path string, text string) string {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cases := []struct{ name, file, want string }{
		{"none", "", "no file was named"},
		{"missing", filepath.Join(dir, "none.mp3"), "file does not exist; check the name"},
		{"folder", dir, "it is a folder"},
		{"empty", write(filepath.Join(dir, "empty.mp3"), ""), "it is empty"},
		{"below a file", filepath.Join(dir, "empty.mp3", "x"), "not a directory"},
		{"in input", write(filepath.Join(data, "input", "there.mp3"), "x"), "is already in the pipeline's input"},
	}
	for _, c := range cases {
		_, err := openSong(c.file, data)
		if err == nil || exit.Outermost(err).(*exit.Error).Code != exit.Unusable || //nolint:errorlint // Outermost returns no other type
			!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "reading the song") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestNoInputFolder(t *testing.T) {
	t.Parallel()
	for _, data := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		s := newTry(t, data, "song.mp3")
		if err := s.run(t.Context()); err == nil || !strings.Contains(err.Error(), `"mage up" makes it`) {
			t.Errorf("error %v", err)
		}
	}
	data := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(data, "input")); err != nil {
		t.Fatal(err)
	}
	s := newTry(t, data, "song.mp3")
	if err := s.run(t.Context()); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("a link that leads out: %v", err)
	}
}

func TestSongThatChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"shorter": func(path string) error { return os.Truncate(path, 3) },
		"longer":  func(path string) error { return os.Truncate(path, 1<<20) },
		"newer":   func(path string) error { return os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)) },
	} {
		s := newTry(t, newData(t), "song.mp3")
		put := s.Put
		s.Put = func(ctx context.Context, data string, song handover.Song, content func() io.Reader) (handover.Placed, error) {
			if err := change(s.File); err != nil {
				t.Fatal(err)
			}
			return put(ctx, data, song, content)
		}
		song, err := openSong(s.File, s.Data)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = song.Close() }()
		if _, err := s.handOver(t.Context(), song); err == nil || !strings.Contains(err.Error(), "it changed while it was copied") {
			t.Errorf("%s: error %v", name, err)
		}
		inputIs(t, s.Data)
	}
}

func TestDisplayGoesOnAfterANote(t *testing.T) {
	t.Parallel()
	ui, _, errs := term.Test()
	d := &display{ui: ui, name: "song", patience: time.Millisecond}
	idle := state{label: "waiting", idle: true}
	d.show(idle)
	time.Sleep(2 * time.Millisecond)
	d.show(idle)
	d.show(idle)
	d.show(state{label: "separating", percent: 1, known: true})
	d.show(state{label: "separating", percent: 2, known: true})
	d.show(idle)
	d.close()
	d.close()
	want := "song: waiting\nsong: still waiting: the pipeline seems not to be running; \"mage up\" starts it, \"mage status\" shows it\n" +
		"song: separating\nsong: waiting\n"
	if errs.String() != want {
		t.Errorf("got %q, want %q", errs, want)
	}
}

func TestRel(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	data := filepath.Join(root, "data")
	makeDir(t, data)
	at := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, at); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ base, want string }{
		{"", filepath.Join(data, "x")},
		{root, filepath.Join("data", "x")},
		{at, filepath.Join("data", "x")},
		{filepath.Join(root, "data"), "x"},
		{filepath.Join(root, "dat"), filepath.Join(data, "x")},
	}
	for _, c := range cases {
		s := &separation{Request: Request{Data: data, Base: c.base}}
		if got := s.rel("x"); got != c.want {
			t.Errorf("base %q: %q, want %q", c.base, got, c.want)
		}
	}
}
