package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// hostile are names and texts that pretend to be something else on a page, and those with which other parts are tested.
func hostile() []string {
	return []string{
		`<script>alert(1)<\script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`, `{{.}}`, `<!--`, `]]>`, `&lt;b&gt;`, `<\title><h1>x`,
		`</td></tr></table></main><h1>x`, `"><iframe srcdoc="<script>alert(1)</script>">`, `</title></head><form action=/upload>`, "</code></pre><base href=//evil.example>",
		"<plaintext>", "</noscript><style>*{}</style>", "`><svg onload=alert(1)>", `<meta http-equiv=refresh content=0>`, "--><textarea>", "&#60;h1&#62;", "${alert(1)}",
		"with space", "new\nline", `quo"te's`, "-rf", "bad\xff\xfeutf8", "$(id)", "up%2f..%2f", "\x1b[31mred", "\u202egnp.exe", "a\u200bb", "\u2028line", "\x00nul",
		strings.Repeat("x", 5000), strings.Repeat("ü", 250), "'; mv x y; '", "`id`", "data:text/html,x", "\ufeffbom", "🎵", "CON", "..", "\r\nevent: x\r\ndata: y",
		// of the scenarios, the watcher, the organizer, tags, titles, layouts and reports
		"with space.mp3", "new\nline.mp3", `quo"te's.mp3`, "-rf.mp3", "bad\xff\xfeutf8.mp3", "$(id).mp3", "up%2f..%2f.mp3", strings.Repeat("x", 251) + ".mp3",
		"-rf.wav", "a\nb.wav", `"'$(reboot)` + "`.wav", "\xff\xfe.wav", "ä.wav", "\\..\\x.wav", "...", "source", "job.json", "taken", `"'$(x)` + "`.mp3", "..\\x.mp3",
		"one\r\ntwo\tthree", "a\x00b\x1b[2Jc\x7f", "a\u202egpj.exe\u2066\u200e", "a\u2028b\u2029c\u0085d", "<b>&amp;\"'`$(id)", "\u0634\u200c \u05e9 \U0001f469\u200d\U0001f467",
		"\u202eBad\r\n\x1b[2J\x01\x1f<b>../..\\\u2066", `Who? "Me" <you> 1|2 *.mp3`, "../../etc/passwd", "COM¹.mp3", "AC/DC: v1.2.mp3", "a\x1b[2J\u009b\u202e\U000e0001b",
		"<script>alert(1)</script>\"'&\x1b[31m\u202e::error file=x::y%0A\n::warning ::z", "</td><script>alert(1)</script>\"'&\x1b[31m\u202e\nnext",
	}
}

// harmless has another character for each one that means something in HTML or in templates, so that two texts differ as before.
var harmless = strings.NewReplacer("<", "α", ">", "β", "&", "γ", `"`, "δ", "'", "ε", "`", "ζ", "{", "η", "}", "θ")

// fine makes a text that a file can have as its name.
func fine(text string) string {
	name := strings.NewReplacer("/", "_", "\x00", "_").Replace(text)
	if name == ".." {
		return "..."
	}
	return name[:min(len(name), 200)]
}

// wantPlain fails where a page has an element, an attribute or a character that no template has.
func wantPlain(t *testing.T, what, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" && len(n.Attr) == 0 {
			t.Errorf("%s has the element %s", what, n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("%s has the attribute %s=%q", what, a.Key, a.Val)
			}
			if (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("%s leads to %q", what, a.Val)
			}
		}
	}
	if bad := regexp.MustCompile("[\x00-\x09\x0b-\x1f\x7f\u200b\u200e\u200f\u2028\u202a-\u202e\u2066-\u2069\ufeff]").FindString(page); bad != "" {
		t.Errorf("%s has the character %q", what, bad)
	}
}

// wantSame is wantPlain, and fails where a page has other elements, attributes or comments than the one of harmless texts. It returns the
// page's texts.
func wantSame(t *testing.T, what, page, same string) (texts map[string]bool) {
	t.Helper()
	wantPlain(t, what, page)
	has, texts := partsOf(t, page)
	want, _ := partsOf(t, same)
	if !maps.Equal(has, want) {
		t.Errorf("%s has %v; want %v", what, has, want)
	}
	return texts
}

// partsOf counts the elements, attributes and comments of a page, and finds its texts.
func partsOf(t *testing.T, page string) (count map[string]int, texts map[string]bool) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	spooltest.Must(t, err)
	count, texts = map[string]int{}, map[string]bool{}
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			texts[n.Data] = true
		case html.ElementNode:
			count[n.Data]++
			for _, a := range n.Attr {
				count[n.Data+" "+a.Key]++
			}
		default:
			count[fmt.Sprintf("node of type %d", n.Type)]++
		}
	}
	return count, texts
}

// stored is what a text is after JSON, which has no invalid UTF-8.
func stored(text string) string { return string([]rune(text)) }

// hostileSongs are some pages of the library.
const hostileSongs = 4 * onePage

// stageOf is the stage of the nth hostile job, and broken whether its record cannot be read: each of so many texts gets to each stage, with
// both kinds of records.
func stageOf(n, texts int) (stage job.Stage, broken bool) {
	round := n / texts
	return job.Stages[(round+2)%len(job.Stages)], (round+n%texts)%3 == 0 // The first ones are being separated.
}

// hostileServer has jobs and songs of these texts, and returns the songs' folders.
func hostileServer(t *testing.T, texts []string) (s *Server, folders []string) {
	t.Helper()
	s, data := newServer(t)
	for n := range thorough.Of(2000, 700) {
		text := texts[n%len(texts)]
		record := map[string]any{"name": fine(text), "error": text}
		stage, broken := stageOf(n, len(texts))
		switch {
		case broken:
			record = map[string]any{"name": text, "error": n, "history": text}
		case stage == job.Rejected:
			record["rejected"] = fine(text)
		case stage == job.Done:
			record["track"] = fine(text)
		}
		putJob(t, data, stage, n, record)
		phase, err := json.Marshal(map[string]any{"phase": text, "done": n*1000 - 7, "total": n % 2 * n})
		spooltest.Must(t, err)
		spooltest.Must(t, os.WriteFile(filepath.Join(data, job.QueueFolder, string(stage), id(n), job.ProgressFile), phase, 0o644))
	}
	for n := range hostileSongs {
		text := texts[n%len(texts)]
		name := fine(fmt.Sprintf("%d%s", n, text))
		tags := map[string]any{"title": text, "artist": text, "album": text}
		putSong(t, data, name, map[string]any{
			"source": text, "model": text, "warnings": []string{text}, "tags": tags, "duration_seconds": -1e300, "finished": time.Unix(int64(1.7e9)+int64(n), 0).UTC(),
		}, "vocals.wav", name+".mp3", text)
		folders = append(folders, name)
	}
	spooltest.Must(t, s.Refresh(t.Context()))
	return s, folders
}

// Two thousand hostile names and records are text on every page.
func TestHostileNamesAndRecordsAreText(t *testing.T) {
	t.Parallel()
	texts := hostile()
	plain := make([]string, len(texts))
	for i, text := range texts {
		plain[i] = harmless.Replace(text)
	}
	s, folders := hostileServer(t, texts)
	other, otherFolders := hostileServer(t, plain)

	shown := wantSame(t, "/", get(t, s, "/"), get(t, other, "/"))
	for n, text := range texts {
		if _, broken := stageOf(n, len(texts)); !broken && (!shown[short(stored(fine(text)))] || !shown[short(stored(text))]) {
			t.Errorf("the queue shows no %.60q", text)
		}
	}
	part, err := s.liveQueue(t.Context())
	spooltest.Must(t, err)
	same, err := other.liveQueue(t.Context())
	spooltest.Must(t, err)
	wantSame(t, "the live part", string(part), string(same))
	if event := "\n" + string(eventOf(part)); strings.Count(event, "\nevent:") != 1 || strings.Count(event, "\n\n") != 1 || strings.Contains(event, "\r") {
		t.Errorf("it is another event than one: %.2000s", event)
	}
	for address, show := range map[string]func(string) string{"/failed": printable, "/library": short} {
		shown := map[string]bool{}
		pages := 0
		for next := true; next; {
			pages++
			target := fmt.Sprintf("%s?page=%d", address, pages)
			page := get(t, s, target)
			maps.Copy(shown, wantSame(t, target, page, get(t, other, target)))
			next = strings.Contains(page, `rel="next"`)
		}
		if pages < 4 {
			t.Errorf("%s has %d pages", address, pages)
		}
		for _, text := range texts {
			if len(text) < 4096 && !shown[show(stored(text))] { // A longer reason is cut.
				t.Errorf("%s shows no %.60q", address, text)
			}
		}
	}
	for n, folder := range folders {
		shown := wantSame(t, folder, get(t, s, "/song/"+keyOf(folder)), get(t, other, "/song/"+keyOf(otherFolders[n])))
		if text := stored(texts[n%len(texts)]); !shown[short(text)] || !shown[printable(text)] {
			t.Errorf("the page of %.60q does not show %.60q", folder, text)
		}
	}
	for i, text := range texts {
		wantSame(t, fmt.Sprintf("the search for %.20q", text), searchPage(t, s, text), searchPage(t, other, plain[i]))
	}
}

// searchPage is the library's page for a question of any bytes.
func searchPage(t *testing.T, s *Server, question string) string {
	t.Helper()
	return request(t, s, "/library", func(r *http.Request) {
		q := r.URL.Query()
		q.Set("q", question)
		r.URL.RawQuery = q.Encode()
	}).Body.String()
}
