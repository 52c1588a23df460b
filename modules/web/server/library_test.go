package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/title"
)

// titles are those of the songs that a search finds.
func titles(s *Server, question string) string {
	var all []string
	songs, _ := s.library.search(question)
	for _, one := range songs {
		all = append(all, one.Title)
	}
	return strings.Join(all, "|")
}

func TestTheLibraryFollowsTheFolder(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	if text := get(t, s, "/library"); !strings.Contains(text, "The library is being read.") {
		t.Errorf("before the first look: %s", text)
	}
	spooltest.Must(t, s.Refresh(t.Context()))
	if text := get(t, s, "/library"); !strings.Contains(text, "There is no song yet.") {
		t.Errorf("an empty library: %s", text)
	}
	finished := func(day int, more map[string]any) map[string]any {
		more["finished"] = fmt.Sprintf("2026-11-%02dT10:00:00Z", day)
		return more
	}
	putSong(t, data, "one", finished(3, map[string]any{"source": "Träume.mp3"}), "vocals.wav")
	putSong(t, data, "two", finished(5, map[string]any{"tags": map[string]any{"title": "Second", "artist": "Émile", "album": "First"}}), "vocals.wav")
	putSong(t, data, "Artist/Album/01 Three", finished(4, map[string]any{"tags": map[string]any{"title": "Three"}}), "vocals.wav")
	putSong(t, data, "a/b/c/too deep", finished(4, map[string]any{}), "vocals.wav")
	putSong(t, data, ".hidden", finished(4, map[string]any{}), "vocals.wav")
	spooltest.Must(t, os.Mkdir(filepath.Join(data, job.OutputFolder, "empty"), 0o755))
	spooltest.Must(t, s.Refresh(t.Context()))
	for question, want := range map[string]string{
		"": "Second|Three|one", "émile": "Second", "E\u0301MILE second": "Second", "trÄume": "one", "album": "Three", "first": "Second", "first three": "", "  ": "Second|Three|one",
	} {
		if got := titles(s, question); got != want {
			t.Errorf("the search for %q finds %s; want %s", question, got, want)
		}
	}
	spooltest.Must(t, os.RemoveAll(filepath.Join(data, job.OutputFolder, "two")))
	spooltest.Must(t, os.RemoveAll(filepath.Join(data, job.OutputFolder, "Artist", "Album", "01 Three")))
	putSong(t, data, "Artist/Album/02 Four", finished(6, map[string]any{}), "vocals.wav")
	spooltest.Must(t, s.Refresh(t.Context()))
	if got := titles(s, ""); got != "02 Four|one" {
		t.Errorf("after a change there are %s", got)
	}
	// A song that is new is found before the next look.
	putSong(t, data, "new", finished(7, map[string]any{}), "vocals.wav")
	if text := get(t, s, "/song/"+keyOf("new")); !strings.Contains(text, "<h1>new</h1>") {
		t.Errorf("the new song: %s", text)
	}
	spooltest.Must(t, os.RemoveAll(filepath.Join(data, job.OutputFolder)))
	spooltest.Must(t, s.Refresh(t.Context()))
	if got := titles(s, ""); got != "" {
		t.Errorf("without output/ there are %s", got)
	}
}

// A song in the folder of an album is one like the others: its row leads to its page, and that to its files.
func TestASongOfAnAlbum(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	const folder = "Band & Co/First #1/01 Söng"
	putSong(t, data, folder, map[string]any{"stems": []string{"vocals.wav"}, "tags": map[string]any{"title": "Söng"}}, "vocals.wav")
	spooltest.Must(t, os.WriteFile(filepath.Join(data, job.OutputFolder, folder, job.CoverJPEG), nil, 0o644))
	putJob(t, data, job.Done, 1, map[string]any{"name": "a.mp3", "track": folder})
	page := "/song/" + keyOf(folder)
	if text := get(t, s, "/"); !strings.Contains(text, `<a href="`+page+`">a.mp3</a>`) {
		t.Errorf("the queue has no link to it: %s", text)
	}
	if text := get(t, s, page); !strings.Contains(text, "<h1>Söng</h1>") || !strings.Contains(text, page+"/file/vocals.wav") {
		t.Errorf("its page: %s", text)
	}
	for _, file := range []string{"/file/vocals.wav", "/file/cover.jpg", "/stems.zip"} {
		if w := request(t, s, page+file, nil); w.Code != http.StatusOK {
			t.Errorf("%s: %d", file, w.Code)
		}
	}
}

// A folder that is made again under its name is another song.
func TestASongThatWasReplacedIsReadAgain(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	folder := filepath.Join(data, job.OutputFolder, "song")
	for n, want := range []string{"Before", "After"} {
		spooltest.Must(t, os.RemoveAll(folder))
		putSong(t, data, "song", map[string]any{"tags": map[string]any{"title": want}}, "vocals.wav")
		at := time.Now().Add(time.Duration(n-10) * time.Hour)
		spooltest.Must(t, os.Chtimes(folder, at, at))
		spooltest.Must(t, s.Refresh(t.Context()))
		if got := titles(s, ""); got != want {
			t.Errorf("the song is %s; want %s", got, want)
		}
	}
}

func TestPagesHaveNeighbours(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		asked         string
		total         int
		number, last  int
		before, after string
	}{
		{"", 0, 1, 1, "", ""},
		{"", 51, 1, 2, "", "/library?page=2&q=a+b"},
		{"2", 51, 2, 2, "/library?page=1&q=a+b", ""},
		{"99", 151, 4, 4, "/library?page=3&q=a+b", ""},
		{"99999999999999999999", 151, 4, 4, "/library?page=3&q=a+b", ""},
		{"-5", 151, 1, 4, "", "/library?page=2&q=a+b"},
		{"-99999999999999999999", 151, 1, 4, "", "/library?page=2&q=a+b"},
		{"x", 151, 1, 4, "", "/library?page=2&q=a+b"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/library?page="+url.QueryEscape(c.asked), nil)
		p := pagerOf(r, url.URL{Path: "/library", RawQuery: "q=a+b"}, c.total)
		from, to := p.bounds()
		if p.Number != c.number || p.Last != c.last || p.Before() != c.before || p.After() != c.after || from < 0 || to < from || to > c.total {
			t.Errorf("page %q of %d = %+v, %q, %q, %d-%d", c.asked, c.total, p, p.Before(), p.After(), from, to)
		}
	}
}

// manySongs puts songs into the library without a disk.
func manySongs(s *Server, n int, name string) {
	songs := make(map[string]*song, n)
	for i := range n {
		folder := fmt.Sprintf("%s %d", name, i)
		songs[folder] = &song{
			Key: keyOf(folder), Folder: folder, Title: short(folder), Artist: short(name), Album: short(name), Seconds: 200,
			Finished: time.Unix(int64(1.7e9)+int64(i), 0), found: title.Fold(folder),
		}
	}
	s.library.root = &shelf{songs: songs}
	s.library.publish()
}

// mostSent is how many bytes a browser gets for a page, with all that this has but pictures and sound.
const mostSent = 150_000

var (
	linked   = regexp.MustCompile(`"(/static/[^"]+)"`)
	imported = regexp.MustCompile(`\b(?:from|import)\s*\(?\s*['"]\./([^'"]+)['"]`)
)

// sentFor is how many bytes a browser without a cache gets for a page, with the styles, scripts and modules that it loads, and how many
// these are.
func sentFor(tb testing.TB, s *Server, page string) (bytes, loaded int) {
	tb.Helper()
	text := get(tb, s, page)
	bytes = len(text)
	seen := map[string]bool{}
	var load func(address string)
	load = func(address string) {
		if seen[address] {
			return
		}
		seen[address] = true
		text := get(tb, s, address)
		bytes += len(text)
		for _, m := range imported.FindAllStringSubmatch(text, -1) {
			load("/static/" + m[1])
		}
	}
	for _, m := range linked.FindAllStringSubmatch(text, -1) {
		load(m[1])
	}
	return bytes, len(seen)
}

// Pages have less than 150 kB with all that they load, also with 10,000 songs of long names, and as many that wait.
func TestPagesAreSmall(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	s.uploads = newUploads(Options{Data: data, Log: s.log, MostUpload: 1 << 30})
	long := strings.Repeat("x", 190)
	stems := make([]string, 0, len(options.Stems)+1)
	for _, stem := range options.Stems {
		stems = append(stems, stem+".wav")
	}
	putSong(t, data, long, map[string]any{"warnings": []string{long}}, append(stems, long+" (Instrumental).wav")...)
	spooltest.Must(t, s.Refresh(t.Context()))
	song := "/song/" + keyOf(long)
	if bytes, loaded := sentFor(t, s, song); bytes > mostSent || loaded != 7 || bytes < 30_000 { // its player is most of it
		t.Errorf("%.20s has %d bytes with the %d files that it loads", song, bytes, loaded)
	}
	manySongs(s, 10_000, long)
	for n := range 2 * mostOnWay {
		for _, stage := range []job.Stage{job.Separating, job.Failed} {
			number := n
			if stage == job.Failed {
				number += 1000
			}
			putJob(t, data, stage, number, map[string]any{"name": long + ".mp3", "error": strings.Repeat("y", 4000), "attempt": 3})
			spooltest.Must(t, os.WriteFile(filepath.Join(data, job.QueueFolder, string(stage), id(number), job.ProgressFile), []byte(`{"phase":"separating","done":1,"total":3}`), 0o644))
		}
	}
	for page, files := range map[string]int{"/": 4, "/library": 3, "/library?q=" + long: 3, "/library?page=200": 3} {
		if bytes, loaded := sentFor(t, s, page); bytes > mostSent || bytes < 10_000 || loaded != files {
			t.Errorf("%.20s has %d bytes with the %d files that it loads; want %d files", page, bytes, loaded, files)
		}
	}
	if bytes, loaded := sentFor(t, s, uploadPath); bytes > mostSent || loaded != 4 {
		t.Errorf("%s has %d bytes with the %d files that it loads", uploadPath, bytes, loaded)
	}
	if bytes, _ := sentFor(t, s, "/failed"); bytes > 2*mostSent { // fifty times 4 kB of why
		t.Errorf("/failed has %d bytes", bytes)
	}
}

// manyOnDisk has n songs on the disk, and the records of as many jobs that are done.
func manyOnDisk(tb testing.TB, n int) (s *Server, data string) {
	tb.Helper()
	s, data = newServer(tb)
	for i := range n {
		name := fmt.Sprintf("song %d", i)
		putJob(tb, data, job.Done, i, map[string]any{"name": name + ".mp3", "track": name})
		putSong(tb, data, name, map[string]any{"duration_seconds": 200})
	}
	spooltest.Must(tb, s.Refresh(tb.Context()))
	return s, data
}

// manyPages are the first pages that people ask for.
var manyPages = []string{"/", "/library", "/library?q=song+99", "/failed"}

// BenchmarkPages asks for pages over 10,000 songs, and looks at the disk for each of the queue's.
func BenchmarkPages(b *testing.B) {
	s, data := manyOnDisk(b, 10_000)
	for _, page := range manyPages {
		b.Run(page, func(b *testing.B) {
			for b.Loop() {
				s.queue.looked = time.Time{}
				get(b, s, page)
			}
		})
	}
	b.Run("look again", func(b *testing.B) {
		for b.Loop() {
			spooltest.Must(b, s.Refresh(b.Context()))
		}
	})
	b.Run("first look", func(b *testing.B) {
		for b.Loop() {
			s.library = newLibrary(data)
			spooltest.Must(b, s.Refresh(b.Context()))
		}
	})
}
