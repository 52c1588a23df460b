package separate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/title"
)

// asks are options of every kind.
func asks(t *testing.T) options.Options {
	t.Helper()
	var o options.Options
	for name, text := range map[string]string{"stems": "vocals,drums", "format": "flac", "overlap": "0.1", "shifts": "0"} {
		if err := o.Set(name, text); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestOptionsLieBesideTheSong(t *testing.T) {
	t.Parallel()
	data := newData(t)
	s := newTry(t, data, "song.mp3")
	s.Options = asks(t)
	h := s.hand(t)
	inputIs(t, data, ".song.mp3.im2.json", "song.mp3")
	path := filepath.Join(data, "input", job.Sidecar(h.entry))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := options.Parse(text)
	if err != nil || !got.Equal(s.Options) {
		t.Errorf("%q is %+v, %v", text, got, err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != place.FileMode {
		t.Errorf("mode %v, %v", info, err)
	}
}

// A name whose sidecar is there belongs to another song, whether that is there or not.
func TestNamesWithASidecarAreTaken(t *testing.T) {
	t.Parallel()
	data := newData(t)
	write := func(name string) {
		if err := os.WriteFile(filepath.Join(data, "input", name), []byte("theirs"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(job.Sidecar("song.mp3"))
	write("song (2).mp3")
	if err := os.Symlink("nowhere", filepath.Join(data, "input", job.Sidecar("song (3).mp3"))); err != nil {
		t.Fatal(err)
	}
	plain := newTry(t, data, "song.mp3")
	if h := plain.hand(t); h.entry != "song (4).mp3" {
		t.Errorf("without options it is %q", h.entry)
	}
	asked := newTry(t, data, "song.mp3")
	asked.Options, asked.Again = asks(t), true
	if h := asked.hand(t); h.entry != "song.again.mp3" || h.name != "song.mp3" {
		t.Errorf("with options it is %q", h.entry)
	}
	again := newTry(t, data, "song.mp3")
	again.Options = asks(t)
	if h := again.hand(t); h.entry != "song (5).mp3" {
		t.Errorf("a second time it is %q", h.entry)
	}
	inputIs(t, data, ".song (3).mp3.im2.json", ".song (5).mp3.im2.json", ".song.again.mp3.im2.json", ".song.mp3.im2.json",
		"song (2).mp3", "song (4).mp3", "song (5).mp3", "song.again.mp3")
	for _, name := range []string{job.Sidecar("song.mp3"), "song (2).mp3"} {
		if text, err := os.ReadFile(filepath.Join(data, "input", name)); err != nil || string(text) != "theirs" {
			t.Errorf("%s has %q, %v", name, text, err)
		}
	}
}

// A name with options is short enough for that of the sidecar.
func TestALongNameLeavesRoomForTheSidecar(t *testing.T) {
	t.Parallel()
	data := newData(t)
	for range 2 {
		s := newTry(t, data, strings.Repeat("x", title.Limit-4)+".mp3")
		s.Options, s.Again = asks(t), true
		h := s.hand(t)
		if len(job.Sidecar(h.entry)) != title.Limit || !strings.HasSuffix(h.entry, ".again.mp3") {
			t.Errorf("%q has %d bytes", h.entry, len(h.entry))
		}
	}
	s := newTry(t, data, strings.Repeat("x", title.Limit-4)+".mp3")
	if h := s.hand(t); len(h.entry) != title.Limit {
		t.Errorf("without options it has %d bytes", len(h.entry))
	}
}

func TestOptionsThatContradictEachOther(t *testing.T) {
	t.Parallel()
	s := newTry(t, newData(t), "song.mp3")
	s.Options = options.Options{Format: options.MP3, Bits: options.Bits24}
	s.fails(t, exit.Unusable, "an mp3 file has none")
}

// The answer has the files that there are, with what there is to say of them.
func TestOtherFilesComeOut(t *testing.T) {
	t.Parallel()
	data := newData(t)
	settings := options.Options{TwoStems: "vocals", Format: options.FLAC}.Over(options.Default())
	(&pipeline{t: t, data: data, end: job.Done, change: func(r *job.Record, _ job.Stage) {
		r.Settings, r.Files, r.EngineVersion = settings, settings.Files(options.DefaultStems), options.EngineVersion
		r.Warnings = []string{"it is\x1b[2J quiet"}
	}}).start()
	s := newTry(t, data, "song.mp3")
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	track := filepath.Join(filepath.Base(data), "output", "the track")
	if want := filepath.Join(track, "vocals.flac") + "\n" + filepath.Join(track, "no_vocals.flac") + "\n"; s.out.String() != want {
		t.Errorf("stdout %q, want %q", s.out, want)
	}
	if !strings.Contains(s.err.String(), "song.mp3: it is [2J quiet\n") {
		t.Errorf("stderr %q", s.err)
	}
	s.out.Reset()
	second := newTry(t, data, "song.mp3")
	second.JSON = true
	if err := second.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got answer
	if err := json.Unmarshal(second.out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Stems) != 2 || got.Stems["no_vocals"] != filepath.Join(track, "no_vocals.flac") || !got.Settings.Equal(settings) ||
		got.EngineVersion != options.EngineVersion || len(got.Warnings) != 1 {
		t.Errorf("answer %+v", got)
	}
}
