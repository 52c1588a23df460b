//go:build linux

package pages_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/im2-audio/im2/internal/dev/browser"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/peaks"
)

// updateShots makes the pictures in docs/ again.
var updateShots = os.Getenv("IM2_UPDATE_SCRIPTS") == "1"

const (
	shots = "docs/pages"
	// mostShot is how many bytes a picture in docs/ may have.
	mostShot = 150 << 10
)

var sizes = [][2]int64{{360, 740}, {768, 1024}, {1440, 900}}

// music is a song whose waveforms look like some; there is no sound in it.
var music = song{name: "Mirror Lake", stems: stems, seconds: 215, wave: func(stem, bin int) float64 {
	beat := float64(bin) / peaks.MostBins * 96
	verse := 0.5 + 0.5*math.Sin(beat*math.Pi/24-1)
	switch stem {
	case 0: // phrases with breath between them, not before the first verse
		if beat < 12 || beat > 90 || math.Mod(beat, 8) > 6.2 {
			return 0.01
		}
		return 0.25 + 0.5*math.Abs(math.Sin(beat*1.7)*math.Sin(beat*0.61))*(0.5+0.5*verse)
	case 1: // beats
		if beat < 6 {
			return 0.02
		}
		return 0.15 + 0.65*math.Pow(math.Abs(noise(bin)), 3)*(0.6+0.4*verse)
	case 2:
		return 0.3 + 0.12*math.Sin(math.Floor(beat*2))*verse + 0.05*noise(bin*7)
	default:
		return 0.12 + 0.3*verse + 0.1*noise(bin*13)
	}
}}

// lake is a picture for its cover.
func lake(t *testing.T) []byte {
	t.Helper()
	const size, shore = 256, 140
	picture := image.NewRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			height := float64(y)
			if y > shore { // what the water mirrors
				height = 2*shore - float64(y)*0.98 + 3*math.Sin(float64(y)/2.5)
			}
			hill := shore - 40 - 26*math.Sin(float64(x)/31) - 12*math.Sin(float64(x)/13+1)
			c := color.RGBA{uint8(90 + height*0.9), uint8(120 + height*0.5), 190, 255}
			if height > hill {
				c = color.RGBA{38, uint8(70 + (height-hill)/3), 90, 255}
			}
			picture.Set(x, y, c)
		}
	}
	var text bytes.Buffer
	must(t, png.Encode(&text, picture))
	return text.Bytes()
}

// putJob makes a job in a stage of the queue.
func putJob(t *testing.T, data string, number int, name string, stage job.Stage, change func(*job.Record)) string {
	t.Helper()
	made := time.Now().Add(time.Duration(number-60) * time.Minute).UTC()
	r := job.Record{ID: job.NewID(made, fmt.Sprintf("%08x", number)), Name: name, Size: 4_000_000, Created: made, MIME: "audio/mpeg"}
	if change != nil {
		change(&r)
	}
	r.History = job.History{{Stage: stage, Start: made}}
	folder := filepath.Join(data, job.QueueFolder, string(stage), r.ID)
	must(t, os.MkdirAll(folder, 0o755))
	text, err := r.Bytes()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, job.RecordFile), text, 0o644))
	return r.ID
}

// putProgress says how far a job is that is being separated, and gives it a worker.
func putProgress(t *testing.T, data, id string, percent int) {
	t.Helper()
	stage := filepath.Join(data, job.QueueFolder, string(job.Separating))
	folder := filepath.Join(stage, job.Claim{ID: id, Worker: "demucs-1", Token: "00c0ffee"}.Name())
	if _, err := os.Stat(folder); err != nil {
		must(t, os.Rename(filepath.Join(stage, id), folder))
	}
	text := fmt.Sprintf(`{"phase":"separating","done":%d,"total":100,"updated":%q,"beat":1}`, percent, time.Now().UTC().Format(time.RFC3339))
	temp := filepath.Join(folder, ".tmp-progress")
	must(t, os.WriteFile(temp, []byte(text), 0o644))
	must(t, os.Rename(temp, filepath.Join(folder, job.ProgressFile)))
}

// busy is a site in which much goes on.
func busy(t *testing.T, flags ...string) site {
	t.Helper()
	music := music
	music.cover = lake(t)
	s := siteWith(t, flags, music, song{name: "Paper Boats", stems: stems, seconds: 187}, song{name: "Night Train", stems: []string{"vocals", "no_vocals"}, seconds: 251})
	putProgress(t, s.data, putJob(t, s.data, 1, "North Wind.flac", job.Separating, func(r *job.Record) { r.Attempt = 1 }), 63)
	putJob(t, s.data, 2, "Harbour Lights.mp3", job.Pending, nil)
	putJob(t, s.data, 3, "Two Rivers.mp3", job.Pending, func(r *job.Record) { r.Attempt = 1 })
	putJob(t, s.data, 4, "Mirror Lake.mp3", job.Done, func(r *job.Record) { r.Attempt, r.Track = 1, "Mirror Lake" })
	putJob(t, s.data, 5, "Copper Sky.mp3", job.Failed, func(r *job.Record) {
		r.Attempt, r.Error = 3, "ffmpeg failed: exit status 1; it says: Invalid data found"
	})
	putJob(t, s.data, 6, "letter.mp3", job.Rejected, func(r *job.Record) {
		r.Error = `"letter.mp3" is no audio file: it is a PDF document`
		r.SetRejected("letter.mp3")
	})
	return s
}

// axe is the text of axe-core.
var axe = sync.OnceValues(func() (string, error) {
	checkout, err := os.Getwd()
	if err != nil {
		return "", err
	}
	path, err := browser.Axe(context.Background(), run.Local{}, checkout, required)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	return string(text), err
})

// A violation is what axe-core finds fault with.
type violation struct {
	ID     string   `json:"id"`
	Impact string   `json:"impact"`
	Help   string   `json:"help"`
	Where  []string `json:"where"`
}

// wantAccessible fails the test for each serious fault that axe-core finds in the page.
func (b *tab) wantAccessible(text, what string) {
	b.t.Helper()
	b.run(text)
	found := eval[[]violation](b, `axe.run({ resultTypes: ['violations'] }).then((r) => r.violations.map((v) => (
		{ id: v.id, impact: v.impact, help: v.help, where: v.nodes.map((n) => n.html + ' ' + n.failureSummary) })))`)
	for _, v := range found {
		if v.Impact == "serious" || v.Impact == "critical" {
			b.t.Errorf("%s: %s (%s): %s: %q", what, v.ID, v.Impact, v.Help, v.Where)
		}
	}
}

func (b *tab) dark(on bool) {
	b.t.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[on]
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	must(b.t, err)
}

// wantForEverybody opens a page at every size, light and dark. The test fails for each serious fault that axe-core finds, and where the page is
// wider than the screen. prepare runs after the page was opened.
func (b *tab) wantForEverybody(text, name, address string, prepare func()) {
	b.t.Helper()
	for _, size := range sizes {
		for _, dark := range []bool{false, true} {
			what := fmt.Sprintf("%s at %d, dark: %v", name, size[0], dark)
			b.dark(dark)
			b.open(address, size[0], size[1])
			prepare()
			b.wantAccessible(text, what)
			if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
				b.t.Errorf("%s is %d pixels wider than the screen", what, over)
			}
		}
	}
}

// Every page can be used by everybody at every size: no serious fault that axe-core knows, light and dark, nothing that is
// wider than the screen, and no complaint of the browser.
func TestPagesAreForEverybody(t *testing.T) {
	t.Parallel()
	text, err := axe()
	need(t, "axe-core", "", err)
	s := busy(t, uploads...)
	b := newTab(t)
	pages := map[string]string{"queue": s.url + "/", "library": s.url + "/library", "failed": s.url + "/failed", "upload": s.url + "/upload", "song": s.song(t, "Mirror"), "missing": s.url + "/nothing"}
	for name, url := range pages {
		b.wantForEverybody(text, name, url, func() {
			if name == "song" {
				b.until(`document.getElementById('player').player.peaks?.size === 4`)
				b.press("1", "m", "m") // which colours buttons
			}
		})
	}
	b.quiet("404")
}

// Songs that are chosen are sent one after the other, with their progress, and what is no song is said beside it.
func TestSongsAreSent(t *testing.T) {
	t.Parallel()
	s := siteWith(t, uploads)
	folder, input := t.TempDir(), filepath.Join(s.data, job.InputFolder)
	var files []string
	for name, text := range map[string]string{"one.wav": string(wavHeader(8<<20)) + string(make([]byte, 32<<20)), "two.wav": string(wavHeader(1)), "letter.mp3": strings.Repeat("Dear reader. ", 4<<20)} {
		files = append(files, filepath.Join(folder, name))
		must(t, os.WriteFile(files[len(files)-1], []byte(text), 0o644))
	}
	must(t, os.WriteFile(filepath.Join(input, "two.wav"), nil, 0o644))
	b := newTab(t)
	b.open(s.url+"/upload", 1440, 900)
	b.run(`(() => { window.seen = new Set(); new MutationObserver(() => document.querySelectorAll('#files progress').forEach((p) => seen.add(p.value))).observe(document.getElementById('files'), { childList: true, subtree: true, characterData: true }); })()`)
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), files))
	b.click("#upload button")
	b.until(`document.getElementById('said').textContent === '2 sent, 1 not taken.'`)
	if text := b.text("files"); !strings.Contains(text, "one.wav sent") || !strings.Contains(text, "two.wav sent as two (2).wav") || !strings.Contains(text, "letter.mp3 It is not audio: its content is of the type text/plain") {
		t.Errorf("the page says %q", text)
	}
	if values := eval[[]float64](b, `[...seen].filter((v) => v > 0 && v < 100)`); len(values) == 0 {
		t.Error("no progress was shown")
	}
	entries, err := os.ReadDir(input)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"one.wav", "two (2).wav", "two.wav"}; !slices.Equal(names, want) {
		t.Errorf("in input/ there are %q; want %q", names, want)
	}
	axe, err := axe()
	need(t, "axe-core", "", err)
	b.wantAccessible(axe, "songs that were sent")
	b.quiet("415")

	// The form alone does it, too.
	b.open(s.url+"/upload", 1440, 900)
	b.run(`(() => { const old = document.getElementById('upload'); old.replaceWith(old.cloneNode(true)); })()`)
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), files))
	b.click("#upload button")
	b.until(`document.querySelectorAll('#files .done').length === 2 && document.querySelectorAll('#files .problem').length === 1`)
	b.quiet("415")
}

// A song that others are in the way of is sent again by the page.
func TestASongWaitsForOthers(t *testing.T) {
	t.Parallel()
	s := siteWith(t, uploads)
	var others []net.Conn
	drop := func() {
		for _, c := range others {
			_ = c.Close()
		}
	}
	defer drop()
	for range 4 + 100 { // that are served, and that wait
		var dial net.Dialer
		c, err := dial.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
		must(t, err)
		others = append(others, c)
		_, err = fmt.Fprint(c, "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n")
		must(t, err)
	}
	impatient := http.Client{Timeout: time.Second}
	waitFor(t, "the service to have no place left", func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/upload", strings.NewReader("--x--"))
		must(t, err)
		request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		answer, err := impatient.Do(request)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusServiceUnavailable
	})
	path := filepath.Join(t.TempDir(), "song.wav")
	must(t, os.WriteFile(path, wavHeader(1), 0o644))
	b := newTab(t)
	b.open(s.url+"/upload", 1440, 900)
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{path}))
	b.click("#upload button")
	b.until(`document.getElementById('files').textContent.includes('waits for others')`)
	drop()
	b.until(`document.getElementById('files').textContent.includes('song.wav sent')`)
	b.quiet("503")
}

// TestPictures makes those in docs/ with IM2_UPDATE_SCRIPTS=1. They must be looked at: no test says whether a page is ugly.
func TestPictures(t *testing.T) {
	t.Parallel()
	if !updateShots {
		for _, name := range []string{"queue", "library", "song", "upload"} {
			for _, size := range sizes {
				path := filepath.Join(shots, fmt.Sprintf("%s-%d.png", name, size[0]))
				if info, err := os.Stat(path); err != nil || info.Size() > mostShot {
					t.Errorf("%s: %v, or more than %d bytes; IM2_UPDATE_SCRIPTS=1 makes it", path, err, mostShot)
				}
			}
		}
		return
	}
	s, with := busy(t), siteWith(t, uploads)
	var files []string
	for name, text := range map[string]string{"Mirror Lake.wav": string(wavHeader(1)), "letter.mp3": "Dear reader"} {
		files = append(files, filepath.Join(t.TempDir(), name))
		must(t, os.WriteFile(files[len(files)-1], []byte(text), 0o644))
	}
	slices.Sort(files)
	b := newTab(t)
	must(t, os.MkdirAll(shots, 0o755))
	for _, size := range sizes {
		for name, url := range map[string]string{"queue": s.url + "/", "library": s.url + "/library", "song": s.song(t, "Mirror"), "upload": with.url + "/upload"} {
			b.dark(size[0] == 768)
			b.open(url, size[0], size[1])
			b.until(`document.readyState === 'complete'`)
			if name == "song" {
				b.until(`document.getElementById('player').player.peaks?.size === 4`)
				b.run(`(() => { const p = document.getElementById('player').player; p.seek(64); p.loopFrom(); p.seek(96); p.loopTo(); p.seek(73); p.say('') })()`)
				b.press("1")
			}
			if name == "upload" {
				b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), files))
				b.click("#upload button")
				b.until(`document.querySelectorAll('#files li > .done, #files li > .problem').length === 2`)
			}
			picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			must(t, err)
			must(t, os.WriteFile(filepath.Join(shots, fmt.Sprintf("%s-%d.png", name, size[0])), picture, 0o644))
		}
	}
}
