package server

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// listening serves the song folder, which has these files and their names as text. It returns the song's address and folder.
func listening(t *testing.T, folder string, track map[string]any, stems ...string) (s *Server, url, at string) {
	t.Helper()
	s, data := newServer(t)
	putSong(t, data, folder, track, stems...)
	spooltest.Must(t, s.Refresh(t.Context()))
	return s, "/song/" + keyOf(folder), filepath.Join(data, job.OutputFolder, folder)
}

// A song's title comes from its file, and is a name that can be given to a folder, whatever it says. Its files are found under theirs.
func TestTitlesOfOthers(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"..": "", ".": "", "CON": "CON_", "a/../../b": "a_.._.._b", strings.Repeat("漢", 200): "", "Song #1? 100%": "Song #1_ 100%",
	} {
		s, url, _ := listening(t, "song", map[string]any{"tags": map[string]any{"title": title}}, "Song #1 100%41 (Instrumental).wav")
		text := request(t, s, url+"/stems.zip", nil).Body.Bytes()
		z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
		spooltest.Must(t, err)
		folder, name, _ := strings.Cut(z.File[0].Name, "/")
		if strings.Contains(name, "/") || strings.Trim(folder, ".") == "" || len(folder) > 255 || want != "" && folder != want {
			t.Errorf("%.20q: the archive has %q", title, z.File[0].Name)
		}
		page := get(t, s, url)
		found := regexp.MustCompile(`data-src="([^"]+)"`).FindStringSubmatch(page)
		if len(found) != 2 {
			t.Fatalf("the page has no stem: %s", page)
		}
		if answer := request(t, s, found[1], nil); answer.Code != http.StatusOK || !strings.HasPrefix(answer.Body.String(), "sound of") {
			t.Errorf("%s = %d", found[1], answer.Code)
		}
		if n := strings.Count(page, "Song%20%231%20100%2541%20%28Instrumental%29.wav") + strings.Count(page, "Song%20%231%20100%2541%20(Instrumental).wav"); n != 3 {
			t.Errorf("%d addresses of the stem are right; want 3: %s", n, page)
		}
	}
}

// All stems come as one archive of the length that was said, under names that every system can have.
func TestAllStemsAsOneArchive(t *testing.T) {
	t.Parallel()
	s, url, at := listening(t, "a: song", map[string]any{"tags": map[string]any{"title": "../a: \"song\"\u202e\n"}}, "vocals.wav", "no_vocals.wav")
	spooltest.Put(t, filepath.Join(at, "cover.jpg"), "sound of cover.jpg")
	spooltest.Put(t, filepath.Join(at, "secret.txt"), "secret")
	answer := request(t, s, url+"/stems.zip", nil)
	text := answer.Body.Bytes()
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Length") != strconv.Itoa(len(text)) || answer.Header().Get("Content-Type") != "application/zip" {
		t.Fatalf("%d, %d bytes, %s", answer.Code, len(text), answer.Header())
	}
	if d := answer.Header().Get("Content-Disposition"); !strings.HasPrefix(d, "attachment; filename") || strings.Contains(d, "/") {
		t.Errorf("it is to be kept as %s", d)
	}
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	spooltest.Must(t, err)
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		in, err := f.Open()
		spooltest.Must(t, err)
		content, err := io.ReadAll(in)
		base := filepath.Base(f.Name)
		if err != nil || f.Method != zip.Store || base != "track.json" && string(content) != "sound of "+base {
			t.Errorf("%s is %q, %v", f.Name, content, err)
		}
	}
	folder := "_a_ _song__"
	if want := []string{folder + "/vocals.wav", folder + "/no_vocals.wav", folder + "/track.json", folder + "/cover.jpg"}; !slices.Equal(names, want) {
		t.Errorf("it has %q; want %q", names, want)
	}
	head := request(t, s, url+"/stems.zip", func(r *http.Request) { r.Method = http.MethodHead })
	if length := head.Header().Get("Content-Length"); length != strconv.Itoa(len(text)) || head.Body.Len() > 0 {
		t.Errorf("HEAD: %s bytes, %q", length, head.Body)
	}
}

// An archive that cannot have all stems is none: not there from the beginning, or broken off.
func TestAnArchiveIsWholeOrNone(t *testing.T) {
	t.Parallel()
	s, url, at := listening(t, "song", map[string]any{}, "vocals.wav", "drums.wav")
	spooltest.Must(t, os.Remove(filepath.Join(at, "drums.wav")))
	if answer := request(t, s, url+"/stems.zip", nil); answer.Code != http.StatusNotFound {
		t.Errorf("a stem is missing: %d", answer.Code)
	}
	spooltest.Must(t, os.Symlink("vocals.wav", filepath.Join(at, "drums.wav")))
	if answer := request(t, s, url+"/stems.zip", nil); answer.Code != http.StatusNotFound {
		t.Errorf("a stem is a link: %d", answer.Code)
	}
	if answer := request(t, s, "/song/"+keyOf("other")+"/stems.zip", nil); answer.Code != http.StatusNotFound {
		t.Errorf("there is no such song: %d", answer.Code)
	}

	info, err := os.Stat(filepath.Join(at, "vocals.wav"))
	spooltest.Must(t, err)
	for what, m := range map[string]member{
		"a file that became shorter": {filepath.Join(at, "vocals.wav"), "vocals.wav", info.Size() + 1, info.ModTime()},
		"a file that is gone":        {filepath.Join(at, "gone.wav"), "gone.wav", 1, info.ModTime()},
		"a link":                     {filepath.Join(at, "drums.wav"), "drums.wav", 1, info.ModTime()},
	} {
		if err := writeZip(io.Discard, []member{m}); err == nil {
			t.Errorf("%s became an archive", what)
		}
	}
	if err := writeZip(io.Discard, []member{{filepath.Join(at, "vocals.wav"), "vocals.wav", info.Size() + 1, info.ModTime()}}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that became shorter: %v", err)
	}
}

// A song of many hours has an archive whose length is not known before, since its headers are longer.
func TestALongArchiveHasNoLength(t *testing.T) {
	t.Parallel()
	for size, exact := range map[int64]bool{0: true, 1 << 31: true, 1<<32 - 1: false, 1 << 40: false} {
		if got, is := zipSize([]member{{name: "song/vocals.wav", size: size}}); is != exact || got < size {
			t.Errorf("%d bytes: %d, exact: %v", size, got, is)
		}
	}
}

// The page has the player of each stem, with what their names can be, and says in words how they were made.
func TestTheSongsPage(t *testing.T) {
	t.Parallel()
	shifts, overlap := 2, 0.25
	s, url, at := listening(t, "song", map[string]any{
		"source": "a <b>.mp3", "duration_seconds": 215, "model": "htdemucs", "warnings": []string{"<script>"}, "gain": 0.5, "sum_db": 41.2, "source_rate": 48000,
		"settings": options.Options{Format: options.FLAC, Bits: options.Bits24, Clip: options.Rescale, Overlap: &overlap, Shifts: &shifts, Rate: options.RateSource, Stems: []string{"vocals"}},
	}, "vocals.flac", `01 "x" <i>.flac`)
	page := get(t, s, url)
	for _, want := range []string{
		`data-seconds="215"`, `data-file="vocals.flac" data-label="Vocals"`, `data-file="01 &#34;x&#34; &lt;i&gt;.flac"`, `/file/01%20%22x%22%20%3Ci%3E.flac"`,
		`aria-label="Solo Vocals"`, "a &lt;b&gt;.mp3", "FLAC, 24 bits, the source&#39;s sample rate", "48 kHz", "6.02 dB", "2 times, each shifted a little", "25 %", "&lt;script&gt;",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	if t.Failed() || strings.Contains(page, "data-peaks") {
		t.Errorf("it has no peaks.json:\n%s", page)
	}
	spooltest.Put(t, filepath.Join(at, "peaks.json"), "{}")
	spooltest.Put(t, filepath.Join(at, "cover.png"), "picture")
	if page := get(t, s, url); !strings.Contains(page, `data-peaks="`+url+`/file/peaks.json"`) || !strings.Contains(page, `src="`+url+`/file/cover.png"`) {
		t.Errorf("it has a peaks.json, and a cover:\n%s", page)
	}
	if w := request(t, s, url+"/file/cover.png", nil); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/png" {
		t.Errorf("the cover: %d, %s", w.Code, w.Header())
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"vocals.wav": "Vocals", "no_vocals.mp3": "All but vocals", "piano.flac": "Piano", "Artist - Title (Vocals).flac": "Artist - Title (Vocals)", "no_.wav": "no_", ".wav": "", "Élan (Instrumental).flac": "Élan (Instrumental)",
	} {
		if got := label(file); got != want {
			t.Errorf("label(%q) = %q; want %q", file, got, want)
		}
	}
	for _, c := range []struct {
		o    options.Options
		want string
	}{
		{options.Default(), "WAV, 16 bits, 44.1 kHz"},
		{options.Options{Format: "wav", Bits: "float", Rate: "source"}, "WAV, 32 bits float, the source's sample rate"},
		{options.Options{Format: "mp3", Rate: "44100"}, "MP3, 44.1 kHz"},
		{options.Options{}, ""},
	} {
		if got := kind(c.o); got != c.want {
			t.Errorf("kind(%v) = %q; want %q", c.o, got, c.want)
		}
	}
	lanes := lanesOf([]string{"vocals.flac", "no_vocals.flac", "Song (Instrumental).flac"})
	if lanes[0].Sum || lanes[1].Sum || !lanes[2].Sum {
		t.Errorf("muted at first: %+v", lanes)
	}
	if lanes := lanesOf([]string{"Song (Instrumental).flac"}); lanes[0].Sum {
		t.Errorf("muted at first: %+v", lanes)
	}
	if facts := new(track).facts(); len(facts) > 0 {
		t.Errorf("an empty track.json tells %v", facts)
	}
	two := track{Settings: options.Options{TwoStems: "vocals", Sum: options.SumExact}}
	if text := fmt.Sprint(two.facts()); !strings.Contains(text, "vocals, and all others as one") || !strings.Contains(text, "add up to the song") {
		t.Error(text)
	}
}
