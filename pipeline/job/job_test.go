package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/options"
)

const id = "20261123T113047.123456Z-1a2b3c4d"

// The files in testdata were written by versions before this package existed; earlier.json by the
// first one. They must be read as they are and written again byte for byte.
func TestRecordsOfEarlierVersions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rewritten(file, want)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n%s\nwas written as\n%s", file, err, want, got)
		}
	}
}

func rewritten(file string, data []byte) ([]byte, error) {
	if filepath.Base(file) == ProgressFile {
		var p Progress
		if err := json.Unmarshal(data, &p); err != nil {
			return nil, err
		}
		again, err := json.Marshal(p)
		return append(again, '\n'), err
	}
	var named struct{ ID string }
	if err := json.Unmarshal(data, &named); err != nil {
		return nil, err
	}
	r, err := Parse(data, named.ID)
	if err != nil {
		return nil, err
	}
	return r.Bytes()
}

func TestWhatTheRecordOfADoneJobSays(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/done.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(data, id)
	if err != nil {
		t.Fatal(err)
	}
	if raw := "caf\xe9 <&>.mp3"; r.RawName() != raw || r.RawArchived() != raw || r.RawRejected() != "" {
		t.Errorf("names %q, %q, %q", r.RawName(), r.RawArchived(), r.RawRejected())
	}
	files, err := r.AudioFiles()
	if err != nil || strings.Join(files, " ") != "vocals.flac no_vocals.flac" || r.Settings.Format != options.FLAC || *r.SumDB != 31.5 {
		t.Errorf("files %v, %v; settings %v", files, err, r.Settings)
	}
	if got := r.Failures(Separating); !reflect.DeepEqual(got, []string{"its worker was lost"}) {
		t.Errorf("failures %q", got)
	}
	if got := r.Timings(time.Time{}); got[Pending] != 2 || got[Separating] != 5 || got[Organizing] != 1 {
		t.Errorf("timings %v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"":                "unexpected end",
		"{":               "unexpected end",
		`{"id":3}`:        "cannot unmarshal",
		`{"id":"x"}`:      `it belongs to job "x"`,
		`{"attempt":"1"}`: "cannot unmarshal",
	} {
		if r, err := Parse([]byte(data), id); err == nil || !strings.Contains(err.Error(), want) || r.ID != "" {
			t.Errorf("Parse(%q) = %+v, %v; want %q", data, r, err, want)
		}
	}
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	read := func(size int64) ([]byte, error) {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		return Read(f)
	}
	if data, err := read(MostRead); len(data) != MostRead || err != nil {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if data, err := read(MostRead + 1); len(data) != MostRead || !errors.Is(err, ErrTooLong) {
		t.Errorf("one byte more: %v", err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	if _, err := Read(folder); !errors.Is(err, ErrNotFile) {
		t.Errorf("a folder: %v", err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(folder); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a closed file: %v", err)
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	for i, stage := range Stages {
		if working, final := stage.Working(), stage.Final(); working && final || stage.Entry() != "" && (!working || stage.Entry() != Stages[i-1]) {
			t.Errorf("%s: working %v, final %v, from %s", stage, working, final, stage.Entry())
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 30, 47, 123456789, time.FixedZone("", 3600))
	if got := NewID(at, "1a2b3c4d"); got != id || !ValidID(got) || !ValidID(NewID(at, NewToken())) {
		t.Errorf("NewID = %q", got)
	}
	if NewID(at.Add(time.Microsecond), "00000000") <= id {
		t.Error("a later ID sorts before an earlier one")
	}
	for _, name := range []string{
		"", "lost+found", ".DS_Store", id[:len(id)-1], id + "0", strings.ToUpper(id), strings.ToLower(id),
		"20269923T113047.123456Z-1a2b3c4d", "20261123T113047.123456Z_1a2b3c4d", "20261123T113047.123456Z-1a2b3c4g",
	} {
		if ValidID(name) {
			t.Errorf("ValidID(%q) = true", name)
		}
	}
	r := Record{ID: id}
	if got := r.Made(); !got.Equal(at.Truncate(time.Microsecond)) {
		t.Errorf("made %s", got)
	}
	r.Created = time.Unix(1, 0)
	if !r.Made().Equal(r.Created) || !(&Record{}).Made().IsZero() {
		t.Error("the record does not come before the ID")
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	for _, c := range []Claim{
		{ID: id},
		{ID: id, Worker: "host-1", Token: "00c0ffee"},
		{ID: id, Worker: "_", Token: "00c0ffee", Fence: "0badcafe"},
		{ID: id, Worker: strings.Repeat("x", longestWorker), Token: "00c0ffee"},
		Claim{ID: id}.Fenced("0badcafe"),
	} {
		if got, ok := ParseClaim(c.Name()); !ok || got != c {
			t.Errorf("ParseClaim(%q) = %+v, %v; want %+v", c.Name(), got, ok, c)
		}
	}
	for _, name := range []string{
		"", "x", id + ".", id + ".w", id + ".w.t", id + ".w.00c0ffee.x", id + "..00c0ffee", id + ".w.00C0FFEE",
		id + ".w.00c0ffee-", id + ".w.00c0ffee-x", id + ".w/x.00c0ffee", id + ".w\\.00c0ffee", "x" + id, id + "0",
		id + ".w.", id + ".w.00c0ffe", id + ".w.00c0ffeG", id + ".ä.00c0ffee", id + ".w.00c0ffee-0badcafe-", id + "/w.00c0ffee",
	} {
		if c, ok := ParseClaim(name); ok {
			t.Errorf("ParseClaim(%q) = %+v; want none", name, c)
		}
	}
	if got := WorkerName("a.b/ä") + WorkerName(""); got != "a_b___" || len(WorkerName(strings.Repeat("x", 100))) != longestWorker {
		t.Errorf("WorkerName = %q", got)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"song": "song", "-rf": "-rf", "a\nb": "a\nb", "": "", ".": "", "..": "", "a/b": "", "/a": "", "a/": "", "../a": "",
	} {
		if got := OneName(name); got != want {
			t.Errorf("OneName(%q) = %q; want %q", name, got, want)
		}
	}
	for _, entry := range []string{"song.mp3", "-rf", "a\nb", "\xff", strings.Repeat("x", MostEntry), ".im2.json"} {
		name := Sidecar(entry)
		if got, ok := SidecarOf(name); !ok || got != entry || name[0] != '.' || len(name) > 255 {
			t.Errorf("Sidecar(%q) = %q, and that is of %q", entry, name, got)
		}
	}
	for _, name := range []string{"", "song.mp3", ".im2.json", "song.im2.json", ".song.json", ".song.im2.json.part"} {
		if entry, ok := SidecarOf(name); ok {
			t.Errorf("SidecarOf(%q) = %q", name, entry)
		}
	}
	if files, err := (&Record{Files: []string{"vocals.wav", "../x"}}).AudioFiles(); err == nil || files != nil {
		t.Errorf("%q, %v", files, err)
	}
	if files, err := (&Record{}).AudioFiles(); err != nil || len(files) != 4 {
		t.Errorf("of an earlier version: %q, %v", files, err)
	}
}

func TestSongFolder(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", 255)
	for _, track := range []string{"song", "a b", "Artist/Album/01 Song", "a/b", "...", longest + "/" + longest + "/" + longest} {
		if got := SongFolder(track); got != track {
			t.Errorf("SongFolder(%q) = %q", track, got)
		}
	}
	for _, track := range []string{
		"", ".", "..", "/", "/song", "song/", "a//b", "a/./b", "a/../b", "../a", "a/b/..", "a/b/c/d", "a\x00b", "a/b\x1b/c", longest + "x", "a/" + longest + "x",
	} {
		if got := SongFolder(track); got != "" {
			t.Errorf("SongFolder(%q) = %q", track, got)
		}
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p    *Progress
		want int
		ok   bool
	}{
		{nil, 0, false},
		{&Progress{Done: 1}, 0, false},
		{&Progress{Done: 1, Total: 3}, 33, true},
		{&Progress{Done: -1, Total: 3}, 0, true},
		{&Progress{Done: 9, Total: 3}, 100, true},
	} {
		if got, ok := c.p.Percent(); got != c.want || ok != c.ok {
			t.Errorf("%+v: %d, %v, want %d, %v", c.p, got, ok, c.want, c.ok)
		}
	}
}

// Begin is what a claim means, for the worker that has it and for whoever reads the job meanwhile.
func TestBegin(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Date(2026, 11, 23, 11, 30, s, 0, time.UTC) }
	r := Record{Attempt: 1, History: History{
		{Stage: Pending, Start: at(1), End: at(2)}, {Stage: Separating, Start: at(2), End: at(3)}, {Stage: Separated, Start: at(3)},
	}}
	r.Begin(Separating, "w", "00c0ffee", at(5)) // A power cut put it back into Pending.
	want := History{
		{Stage: Pending, Start: at(1), End: at(5)},
		{Stage: Separating, Start: at(5), Worker: "w", Claim: "00c0ffee", Attempt: 2},
	}
	if !reflect.DeepEqual(r.History, want) || r.Attempt != 2 || r.Last().Worker != "w" {
		t.Errorf("%+v", r)
	}
	claim := Claim{ID: id, Worker: "w", Token: "00c0ffee"}
	if r.Announced(Separating, claim) {
		t.Error("it announces a move before there is one")
	}
	r.Arrive(Visit{Stage: Separated, Start: at(6)}, "")
	if !r.Announced(Separating, claim) || !r.Announced(Separating, claim.Fenced("x")) || r.Announced(Separating, Claim{ID: id, Token: "0badcafe"}) {
		t.Error("an announced move is not known, or that of another claim is")
	}
	r.Unarrive()
	if r.Announced(Separating, claim) || !r.Last().End.IsZero() {
		t.Errorf("after taking the move back: %+v", r.History)
	}
}

func TestRewind(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tests := []struct {
		name  string
		in    []Stage
		found Stage
		want  int
	}{
		{"nothing", nil, Pending, 0},
		{"as it should be", []Stage{Incoming, Pending}, Pending, 2},
		{"announced and not moved", []Stage{Incoming, Pending}, Incoming, 1},
		{"claimed and not recorded", []Stage{Incoming, Pending}, Separating, 2},
		{"handed back and not moved", []Stage{Pending, Separating, Pending}, Separating, 2},
		{"put back by a power cut", []Stage{Incoming, Pending, Separating, Separated}, Pending, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r Record
			for _, stage := range tt.in {
				r.Arrive(Visit{Stage: stage, Start: now, Worker: "w"}, "why")
			}
			r.Rewind(tt.found)
			if len(r.History) != tt.want {
				t.Fatalf("%d visits; want %d", len(r.History), tt.want)
			}
			if n := len(r.History); n > 0 && (!r.History[n-1].End.IsZero() || r.History[n-1].Error != "") {
				t.Errorf("the last visit has ended: %+v", r.History[n-1])
			}
		})
	}
}
