package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/tags"
)

// What a forged record says is refused with the name of the field, before anything is done with it.
func TestRecordsThatNoServiceWrites(t *testing.T) {
	t.Parallel()
	const good = `"name":"song.mp3","attempt":1`
	long := strings.Repeat("x", 256)
	var names []string
	for i := range 17 {
		names = append(names, options.InstrumentalName(strconv.Itoa(i))+".wav")
	}
	if _, err := Parse([]byte(`{"id":"`+id+`",`+good+`}`), id); err != nil {
		t.Fatal(err)
	}
	for fields, want := range map[string]string{
		`"attempt":1`:                                                  "name: there is none",
		`"name":"../song.mp3"`:                                         "name \"../song.mp3\": it is not the name of a file",
		`"name":"/etc/passwd"`:                                         "name",
		`"name":".."`:                                                  "name",
		`"name":"a\u0000b"`:                                            "name \"a\\x00b\"",
		`"name":"` + long + `"`:                                        "name",
		`"name":"a","name_bytes":"Li4vLi4="`:                           "its text and its bytes differ",
		`"name":"../..","name_bytes":"Li4vLi4="`:                       "name \"../..\"",
		good + `,"archived":"../x"`:                                    "archived",
		good + `,"rejected":"a/b"`:                                     "rejected",
		good + `,"track":"../../etc"`:                                  "track \"../../etc\"",
		good + `,"track":"a\u001b[2J"`:                                 "track \"a\\x1b[2J\"",
		good + `,"track":"/x"`:                                         "track",
		good + `,"track":"a/../../x"`:                                  "track",
		good + `,"track":"a/b/c/d"`:                                    "track",
		good + `,"track":"` + long + `"`:                               "track",
		good + `,"model":"../models/demucs/evil.onnx"`:                 "model",
		good + `,"options":{"model":"../evil"}`:                        "options: model",
		good + `,"options":{"stems":["../x"]}`:                         "options: stems",
		good + `,"settings":{"format":"exe"}`:                          "settings: format",
		good + `,"settings":{"overlap":2}`:                             "settings: overlap",
		good + `,"files":["../vocals.wav"]`:                            "files",
		good + `,"files":["vocals.wav","vocals.wav"]`:                  "named twice",
		good + `,"files":["` + strings.Join(names, `","`) + `"]`:       "at most 16",
		good + `,"tags":{"title":"a\u202eb"}`:                          "tags: title",
		good + `,"tags":{"../x":"a"}`:                                  "tags: \"../x\"",
		good + `,"tags":["title"]`:                                     "tags",
		good + `,"cover":"../cover.jpg"`:                               "cover \"../cover.jpg\"",
		good + `,"cover":"cover.svg"`:                                  "cover",
		good + `,"sha256":"abc"`:                                       "sha256",
		good + `,"duplicate_of":"../x"`:                                "duplicate_of",
		good + `,"mime":"a\nb"`:                                        "mime",
		good + `,"engine":"\u202e"`:                                    "engine",
		good + `,"size":-1`:                                            "size -1",
		`"name":"x","attempt":-9223372036854775808`:                    "attempt",
		`"name":"x","attempt":9223372036854775807`:                     "attempt",
		good + `,"gain":-1`:                                            "gain",
		good + `,"duration_seconds":1e300`:                             "duration_seconds",
		good + `,"history":{}`:                                         "the history is not a list",
		good + `,"history":[{"stage":"../x"}]`:                         "stage \"../x\"",
		good + `,"history":[{"stage":"done","claim":"/"}]`:             "claim",
		good + `,"history":[{"stage":"done","count":-1}]`:              "history",
		good + `,"history":[{"stage":"done","worker":"` + long + `"}]`: "worker",
	} {
		r, err := Parse([]byte(`{"id":"`+id+`",`+fields+`}`), id)
		if err == nil || !strings.Contains(err.Error(), want) || r.ID != "" || len(err.Error()) > 300 {
			t.Errorf("%.80s: %v; want %s", fields, err, want)
		}
	}
}

// However long a record gets, Bytes keeps to its limit, and what it returns is read as it was written.
func TestNoRecordIsTooLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x01\xff<", 1<<16)
	r := Record{ID: id, SHA256: strings.Repeat("ab", 32), Error: long, Track: strings.Repeat(strings.Repeat("<", 255)+"/", SongDepth)[:SongDepth*256-1], Attempt: 3}
	r.MIME, r.Engine, r.Model = strings.Repeat("m", 255), strings.Repeat("e", 255), strings.Repeat("m", 64)
	name := strings.Repeat("\x01", 127) + strings.Repeat("\xff", 128)
	r.SetName(name)
	r.SetArchived(name)
	r.SetRejected(name)
	r.Files, r.Cover = options.Options{Format: options.FLAC}.Files(options.Stems), CoverJPEG
	for _, f := range tags.Fields {
		said := strings.Repeat("<", tags.Longest) + strings.Repeat(" f1b0a5a2-57a4-4d4c-8f1b-8a1f1e6f4a11", 20)
		r.Tags = r.Tags.With(f.Name, tags.Read(map[string]string{f.Name: said})[f.Name])
	}
	for range 1000 {
		r.Warnings = append(r.Warnings, long)
	}
	at := time.Date(2026, 11, 23, 0, 0, 0, 1, time.UTC)
	for i := range 10_000 {
		at = at.Add(time.Second)
		r.Arrive(Visit{Stage: Stages[i%len(Stages)], Start: at, Worker: strings.Repeat("w", 255), Claim: "00c0ffee"}, long+strconv.Itoa(i))
	}
	data, err := r.Bytes()
	if err != nil || len(data) > MostRecord {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	again, err := Parse(data, id)
	if err != nil || again.RawName() != name {
		t.Fatal(err)
	}
	if rewritten, err := again.Bytes(); err != nil || !bytes.Equal(rewritten, data) {
		t.Errorf("%v; it was written as\n%s\nand then\n%s", err, data, rewritten)
	}
	sum := 0.0
	for _, seconds := range again.Timings(at.Add(time.Second)) {
		sum += seconds
	}
	if sum != 10_000 {
		t.Errorf("%g seconds; want 10000", sum)
	}
}

func TestEqualVisitsAreMerged(t *testing.T) {
	t.Parallel()
	r := Record{ID: id, Name: "song"}
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	r.Arrive(Visit{Stage: Incoming, Start: at}, "")
	r.Arrive(Visit{Stage: Pending, Start: at.Add(time.Second)}, "")
	for i := range 1000 {
		at = at.Add(time.Minute)
		before, _ := r.Bytes()
		r.Begin(Separating, "w", fmt.Sprintf("%08x", i), at)
		r.Unarrive() // An error of the disk may undo any step.
		r.Attempt--
		if after, _ := r.Bytes(); !bytes.Equal(before, after) {
			t.Fatalf("taking it back has changed\n%s\nto\n%s", before, after)
		}
		r.Begin(Separating, "w", fmt.Sprintf("%08x", i), at)
		r.Attempt--
		r.Arrive(Visit{Stage: Pending, Start: at.Add(time.Second)}, "the disk is full")
		if !r.Announced(Separating, Claim{ID: id, Token: fmt.Sprintf("%08x", i)}) {
			t.Fatal("the move is not announced")
		}
	}
	if len(r.History) > 8 || r.Timings(at)[Separating] != 1000 {
		t.Errorf("%d visits, %g s: %+v", len(r.History), r.Timings(at)[Separating], r.History)
	}
	if v := r.History[2]; v.Count < 990 || !v.Start.Equal(time.Date(2026, 11, 23, 0, 1, 0, 0, time.UTC)) || v.Error != "the disk is full" {
		t.Errorf("merged to %+v", v)
	}
	if failures := r.Failures(Separating); len(failures) != 1 {
		t.Errorf("failures %q", failures)
	}
	for i := range 5 { // What counts stays what it is.
		r.Begin(Organizing, "w", "00c0ffee", at)
		r.Arrive(Visit{Stage: Separated, Start: at}, "lost")
		if got := len(r.Failures(Organizing)); got != i+1 {
			t.Errorf("%d failures; want %d", got, i+1)
		}
	}
}

func TestNameInWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		``: "", `[]`: "", `{"name":3}`: "", `{"name":"../x"}`: "",
		`{"id":"x","size":[{"name":"y"}],"name":"song.mp3"`:             "song.mp3",
		`{"name":"a\ufffd","name_bytes":"Yf8=","history":[{"stage":"se`: "a\xff",
		`{"track":"../..","name":"song.mp3"}`:                           "song.mp3",
	} {
		if got := NameIn([]byte(data)); got != want {
			t.Errorf("%s: %q; want %q", data, got, want)
		}
	}
}

// FuzzRecord: what Parse accepts is safe to use, small, and written and read again equal.
func FuzzRecord(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var named struct{ ID string }
		_ = json.Unmarshal(data, &named) // Else Parse refuses it.
		if name := NameIn(data); name != "" {
			wantName(t, name)
		}
		r, err := Parse(data, named.ID)
		if err != nil {
			return
		}
		for _, name := range append(strings.Split(r.Track, "/"), r.RawName(), r.RawArchived(), r.RawRejected()) {
			wantName(t, name)
		}
		if !ValidID(r.ID) || r.Name == "" || len(r.History) > mostVisits {
			t.Fatalf("accepted %+v", r)
		}
		for _, stage := range Stages {
			r.Failures(stage)
		}
		_, _ = r.Timings(time.Now()), r.Made()
		first, err := r.Bytes()
		if err != nil || len(first) > MostRecord {
			t.Fatalf("%d bytes, %v", len(first), err)
		}
		again, err := Parse(first, r.ID)
		if err != nil {
			t.Fatalf("%v in\n%s", err, first)
		}
		if second, err := again.Bytes(); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%v:\n%s\nthen\n%s", err, first, second)
		}
	})
}

func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func wantName(t *testing.T, name string) {
	t.Helper()
	if name != "" && (filepath.Join("/data/x", name) != "/data/x/"+name || strings.ContainsRune(name, 0) || len(name) > 255) {
		t.Fatalf("%q is no name", name)
	}
}

// FuzzProgress: whatever progress.json has, it can be shown.
func FuzzProgress(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProgress(data)
		if err != nil {
			return
		}
		if percent, known := p.Percent(); known && (percent < 0 || percent > 100) || len(p.Phase) > mostWord {
			t.Fatalf("accepted %+v", p)
		}
	})
}

// FuzzClaim: the name of a folder in queue/ is that of one job.
func FuzzClaim(f *testing.F) {
	f.Add(id)
	f.Add(Claim{ID: id, Worker: "host-1", Token: "00c0ffee", Fence: "0badcafe"}.Name())
	f.Fuzz(func(t *testing.T, name string) {
		if c, ok := ParseClaim(name); ok && (c.Name() != name || !ValidID(c.ID)) {
			t.Fatalf("%q is read as %+v", name, c)
		}
	})
}
