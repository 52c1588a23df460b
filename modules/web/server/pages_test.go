package server

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/look"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/space"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestTheQueueSaysWhyNoSongIsTaken(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	if text := get(t, s, "/"); strings.Contains(text, `class="problem"`) {
		t.Errorf("nothing is wrong: %s", text)
	}
	spooltest.Must(t, pause.Set(data, "anna<b>@studio", -1, -1))
	s.queue.limit = space.Limit{Percent: 99.99}
	s.now = func() time.Time { return time.Now().Add(5 * time.Minute) }
	live, err := s.liveQueue(t.Context())
	spooltest.Must(t, err)
	for _, text := range []string{get(t, s, "/"), string(live)} {
		for _, want := range []string{
			"Paused, 5 min ago by anna&lt;b&gt;@studio: workers finish what they have", "mage resume", "than the ", "workers take no song until there is room. &#34;mage prune&#34; makes room.",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in %s", want, text)
			}
		}
	}
	spooltest.Must(t, pause.Clear(data))
	// Twice as much is free as must be: that is said before it is too late.
	s.queue.limit = space.Limit{Bytes: s.queue.limit.Look(data).Free / 2}
	s.now = func() time.Time { return time.Now().Add(10 * time.Minute) }
	live, err = s.liveQueue(t.Context())
	spooltest.Must(t, err)
	for _, text := range []string{get(t, s, "/"), string(live)} {
		if strings.Count(text, `class="problem"`) != 1 || !strings.Contains(text, " free: below ") || strings.Contains(text, "until there is room") ||
			!strings.Contains(text, "("+space.Setting+"), workers take no song. &#34;mage prune&#34; makes room.") {
			t.Errorf("no early warning: %s", text)
		}
	}
	s.queue.limit = space.Limit{}
	s.now = func() time.Time { return time.Now().Add(15 * time.Minute) }
	if text := get(t, s, "/"); strings.Contains(text, `class="problem"`) {
		t.Errorf("it goes on: %s", text)
	}
}

func TestTheQueueSaysHowEachSongIs(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	if text := get(t, s, "/"); !strings.Contains(text, "Nothing was put in yet.") {
		t.Errorf("an empty queue: %s", text)
	}
	now, _ := time.Parse(time.RFC3339, "2026-11-23T11:35:48Z")
	s.now = func() time.Time { return now }
	putJob(t, data, job.Pending, 1, map[string]any{"name": "waits.mp3"})
	putJob(t, data, job.Separating, 2, map[string]any{"name": "works.mp3", "attempt": 2, "losses": 1})
	spooltest.Must(t, os.WriteFile(filepath.Join(data, job.QueueFolder, "separating", id(2), job.ProgressFile), []byte(`{"phase":"separating","done":21,"total":50}`), 0o644))
	putJob(t, data, job.Failed, 3, map[string]any{"name": "broken.mp3", "error": "ffmpeg cannot read it"})
	putJob(t, data, job.Failed, 4, map[string]any{"name": "unwanted.mp3", "error": job.Cancelled})
	putJob(t, data, job.Done, 5, map[string]any{"name": "ready.mp3", "track": "ready"})
	text := get(t, s, "/")
	if got, want := strings.Join(rowsOf(t, text), "\n"), `waits.mp3 | waiting |  | 0 | 5 min |
works.mp3 | separating | 42 % 42 % | 2, 1 lost | 5 min |
ready.mp3 | done |  | 0 | 5 min |
unwanted.mp3 | cancelled |  | 0 | 5 min |
broken.mp3 | failed |  | 0 | 5 min | ffmpeg cannot read it`; got != want {
		t.Errorf("the rows are\n%s\nwant\n%s", got, want)
	}
	for _, want := range []string{
		`1 waiting</span>, <span class="state separating">1 separating</span>, <span class="state done">1 done</span>, <span class="state failed">2 failed`,
		`<progress max="100" value="42" aria-label="Progress of works.mp3">`, `<a href="/song/` + keyOf("ready") + `">ready.mp3</a>`, `<noscript><meta http-equiv="refresh"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the queue lacks %s:\n%s", want, text)
		}
	}
}

// rowsOf are the rows of a page's table as people read them.
func rowsOf(t *testing.T, page string) (rows []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	spooltest.Must(t, err)
	for body := range root.Descendants() {
		if body.Data != "tbody" {
			continue
		}
		for row := range body.ChildNodes() {
			var cells []string
			for cell := range row.ChildNodes() {
				var text strings.Builder
				for n := range cell.Descendants() {
					if n.Type == html.TextNode {
						text.WriteString(n.Data)
					}
				}
				cells = append(cells, strings.TrimSpace(text.String()))
			}
			if len(cells) > 0 {
				rows = append(rows, strings.TrimSpace(strings.Join(cells, " | ")))
			}
		}
	}
	return rows
}

func TestWhatWentWrongSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	for n, c := range []struct {
		stage        job.Stage
		record       map[string]any
		want, wantIn string
	}{
		{job.Failed, map[string]any{"name": "a.mp3", "error": "no"}, "mage retry " + id(0), "To try it again:"},
		{job.Rejected, map[string]any{"name": "b.mp3", "rejected": "it's b (2).mp3", "error": "no audio"}, `mv 'pipeline-data/rejected/it'\''s b (2).mp3' pipeline-data/input/`, "Fix the file, then put it in again:"},
		{job.Rejected, map[string]any{"name": "c.mp3", "rejected": "c.mp3", "duplicate_of": id(9)}, "mage separate pipeline-data/rejected/c.mp3 -again", "To separate it again:"},
		{job.Rejected, map[string]any{"name": "d.mp3", "rejected": "d\nd.mp3"}, "", "under a name that cannot be shown"},
		{job.Rejected, map[string]any{"name": "e.mp3"}, "", "Its file is not kept."},
		{job.Failed, map[string]any{"name": "f.mp3", "attempt": -1}, "", "What is left of it is in pipeline-data/queue/failed/" + id(5)},
	} {
		putJob(t, data, c.stage, n, c.record)
		j, err := s.queue.queue.Get(t.Context(), id(n))
		spooltest.Must(t, err)
		if f := s.failureOf(j); f.Command != c.want || !strings.Contains(f.Advice, c.wantIn) {
			t.Errorf("%d: %q, %q; want %q, %q", n, f.Advice, f.Command, c.wantIn, c.want)
		}
	}
	if text := get(t, s, "/failed"); strings.Count(text, "<article>") != 6 || !strings.Contains(text, "no audio") {
		t.Errorf("the page: %s", text)
	}
	if err := os.RemoveAll(filepath.Join(data, job.QueueFolder)); err != nil {
		t.Fatal(err)
	}
	if text := get(t, s, "/failed"); !strings.Contains(text, "Nothing went wrong.") {
		t.Errorf("an empty page: %s", text)
	}
	spooltest.Must(t, os.Symlink(t.TempDir(), filepath.Join(data, job.QueueFolder)))
	if w := request(t, s, "/failed", nil); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "reading the queue") {
		t.Errorf("a queue that is a link = %d %s", w.Code, w.Body)
	}
}

// What vanishes or is written while it is read is a page, or a 404, and never more than that.
func TestSongsThatAreNotWhatTheySay(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	at := func(name ...string) string {
		return filepath.Join(append([]string{data, job.OutputFolder}, name...)...)
	}
	putSong(t, data, "half", map[string]any{}, "vocals.wav")
	spooltest.Must(t, os.WriteFile(at("half", job.TrackFile), []byte(`{"job":"x","stems":["voc`), 0o644))
	putSong(t, data, "huge", map[string]any{}, "vocals.wav")
	spooltest.Must(t, os.Truncate(at("huge", job.TrackFile), 2<<20))
	putSong(t, data, "gone", map[string]any{}, "vocals.wav", "drums.wav")
	putSong(t, data, "odd", map[string]any{}, "fifo.wav", "folder.wav", "vocals.wav")
	for _, name := range []string{"fifo.wav", "folder.wav"} {
		spooltest.Must(t, os.Remove(at("odd", name)))
	}
	spooltest.Must(t, mkfifo(at("odd", "fifo.wav"), 0o644))
	spooltest.Must(t, os.Mkdir(at("odd", "folder.wav"), 0o755))
	elsewhere := t.TempDir()
	spooltest.Must(t, os.Mkdir(filepath.Join(elsewhere, "x"), 0o755))
	spooltest.Must(t, os.Symlink(elsewhere, at("link")))
	spooltest.Must(t, os.Symlink(at("gone"), at("inner")))
	spooltest.Must(t, s.Refresh(t.Context()))
	if songs, ready := s.library.search(""); len(songs) != 4 || !ready {
		t.Errorf("the library has %d songs, %t", len(songs), ready)
	}
	for _, name := range []string{"half", "huge"} {
		if text := get(t, s, "/song/"+keyOf(name)); !strings.Contains(text, "track.json cannot be used") || !strings.Contains(text, "vocals.wav") {
			t.Errorf("%s: %s", name, text)
		}
	}
	spooltest.Must(t, os.Remove(at("gone", "vocals.wav")))
	for target, want := range map[string]int{
		"/song/" + keyOf("gone") + "/file/vocals.wav": 404, "/song/" + keyOf("gone") + "/file/drums.wav": 200, "/song/" + keyOf("odd") + "/file/fifo.wav": 404,
		"/song/" + keyOf("odd") + "/file/folder.wav": 404, "/song/" + keyOf("link"): 404, "/song/" + keyOf("inner"): 404, "/song/" + keyOf("inner") + "/file/drums.wav": 404,
		"/song/" + keyOf("gone") + "/file/track.json": 404, "/song/" + keyOf("gone") + "/file/peaks.json": 404, "/song/" + keyOf("odd") + "/file/vocals.wav": 200,
	} {
		if w := request(t, s, target, nil); w.Code != want {
			t.Errorf("%s = %d; want %d", target, w.Code, want)
		}
	}
	spooltest.Must(t, os.Rename(at("gone"), filepath.Join(elsewhere, "gone")))
	spooltest.Must(t, os.Symlink(filepath.Join(elsewhere, "gone"), at("gone")))
	if w := request(t, s, "/song/"+keyOf("gone")+"/file/drums.wav", nil); w.Code != http.StatusNotFound {
		t.Errorf("a folder that was exchanged for a link = %d %s", w.Code, w.Body)
	}
	// What was half written is read again once it is whole.
	putSong(t, data, "half", map[string]any{"tags": map[string]any{"title": "Whole"}}, "vocals.wav")
	spooltest.Must(t, s.Refresh(t.Context()))
	if text := get(t, s, "/library?q=whole"); !strings.Contains(text, ">Whole</a>") {
		t.Errorf("the song that is whole now: %s", text)
	}
}

func TestStemsCanBeHeardFromAnyPoint(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	putSong(t, data, `a "b"; c`, map[string]any{"tags": map[string]any{"title": "Ä/B\r\nX: y"}}, "vocals.wav")
	spooltest.Must(t, s.Refresh(t.Context()))
	target := "/song/" + keyOf(`a "b"; c`) + "/file/vocals.wav"
	for asked, want := range map[string]struct {
		code int
		text string
	}{
		"bytes=0-4": {206, "sound"}, "bytes=9-": {206, "vocals.wav"}, "bytes=-3": {206, "wav"}, "bytes=100-": {416, ""}, "bytes=x": {416, ""}, "": {200, "sound of vocals.wav"},
	} {
		w := request(t, s, target, func(r *http.Request) { r.Header.Set("Range", asked) })
		if w.Code != want.code || want.text != "" && w.Body.String() != want.text {
			t.Errorf("Range %q = %d %q; want %d %q", asked, w.Code, w.Body, want.code, want.text)
		}
	}
	w := request(t, s, target+"?download", nil)
	if got := w.Header().Get("Content-Disposition"); got != "attachment; filename*=utf-8''%C3%84_B%20%20X_%20y%20-%20vocals.wav" {
		t.Errorf("Content-Disposition is %s", got)
	}
	if got := w.Header().Get("Content-Type"); got != "audio/wav" {
		t.Errorf("Content-Type is %s", got)
	}
}

// Pages have the stylesheet that reports have too, and no colours that differ from it.
func TestTheSharedStylesheet(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	address := regexp.MustCompile(`href="(/static/look\.css\?[0-9a-f]+)"`).FindStringSubmatch(get(t, s, "/"))
	if address == nil {
		t.Fatal("no page links it")
	}
	if got := get(t, s, address[1]); got != string(look.Style) {
		t.Errorf("it is %q", got)
	}
	if own := regexp.MustCompile(`#[0-9a-f]{3,8}\b`).FindAllString(get(t, s, "/static/style.css"), -1); own != nil {
		t.Errorf("style.css has the colours %q", own)
	}
}
