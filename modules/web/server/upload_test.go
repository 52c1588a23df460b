package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/space"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/title"
)

// wave begins as a WAV file does.
const wave = "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\x44\xac\x00\x00\x10\xb1\x02\x00\x04\x00\x10\x00data"

// newUploadServer is newServer where songs can be put in.
func newUploadServer(tb testing.TB, change func(*Options)) (*Server, string) {
	tb.Helper()
	_, data := newServer(tb)
	return uploadServerOn(tb, data, change), filepath.Join(data, job.InputFolder)
}

func uploadServerOn(tb testing.TB, data string, change func(*Options)) *Server {
	tb.Helper()
	o := Options{Data: data, Log: slog.New(slog.DiscardHandler), Poll: time.Second / 10, Upload: true, MostUpload: 1 << 30}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	spooltest.Must(tb, err)
	return s
}

// A file is a song as a browser sends it.
type file struct{ name, content string }

// formOf is what a browser sends for files, and its media type.
func formOf(tb testing.TB, files ...file) (body *bytes.Buffer, kind string) {
	tb.Helper()
	body = new(bytes.Buffer)
	form := multipart.NewWriter(body)
	for _, f := range files {
		part, err := form.CreateFormFile("file", f.name)
		spooltest.Must(tb, err)
		_, err = io.WriteString(part, f.content)
		spooltest.Must(tb, err)
	}
	spooltest.Must(tb, form.Close())
	return body, form.FormDataContentType()
}

// send sends files as a page of this service does. change may be nil.
func send(tb testing.TB, s *Server, change func(*http.Request), files ...file) *httptest.ResponseRecorder {
	tb.Helper()
	body, kind := formOf(tb, files...)
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "http://localhost:8420"+uploadPath, body)
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestNothingIsPutInUnlessItIsOn(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	w := send(t, s, nil, file{"song.wav", wave})
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST = %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	if w := request(t, s, uploadPath, nil); w.Code != http.StatusNotFound {
		t.Errorf("GET = %d", w.Code)
	}
	if strings.Contains(get(t, s, "/"), uploadPath) || strings.Contains(get(t, s, "/library"), uploadPath) {
		t.Error("a page leads there")
	}
	spooltest.WantNames(t, filepath.Join(data, job.InputFolder))
}

// What is put in has a name that every system can have, replaces nothing, and is not what the watcher passes over.
func TestSongsArePutIn(t *testing.T) {
	t.Parallel()
	s, input := newUploadServer(t, nil)
	spooltest.Put(t, filepath.Join(input, "taken.wav"), "mine")
	spooltest.Must(t, os.Symlink("/etc/passwd", filepath.Join(input, "link.wav")))
	long := strings.Repeat("ü", 300)
	all := []struct{ name, want string }{
		{"song.wav", "song.wav"},
		{"song.wav", "song (2).wav"},
		{"taken.wav", "taken (2).wav"},
		{"link.wav", "link (2).wav"},
		{"again.again.wav", "again.again.wav"},
		{"../../etc/passwd", "passwd"},
		{`..\..\boot.wav`, "boot.wav"},
		{`C:\Music\a.mp3`, "a.mp3"},
		{"/", "track"},
		{"..", "track (2)"},
		{".", "track (3)"},
		{".hidden.wav", "hidden.wav"},
		{"-rf.wav", "rf.wav"},
		{"half.wav.part", "half.wav"},
		{"half.part. ", "half"},
		{"a.tmp.crdownload", "a"},
		{".part", "part"},
		{".song.wav.im2.json", "song.wav.im2.json"},
		{".im2-web-x.part", "im2-web-x"},
		{"CON.wav", "CON_.wav"},
		{"nul", "nul_"},
		{"a:b?.wav", "a_b_.wav"},
		{"bad\xff.wav", "bad_.wav"},
		{"\u202egnp.wav", "_gnp.wav"},
		{"<script>alert(1)<\\script>.wav", "script_.wav"},
		{long + ".wav", long[:title.LongestFolder] + ".wav"},
		{"🎵.wav", "🎵.wav"},
		{"%22Heroes%22.wav", "_Heroes_.wav"}, // as browsers and curl send quotation marks
		{"line%0D%0Abreak%0a.wav", "line__break%0a.wav"},
	}
	var files []file
	want := []string{"taken.wav", "link.wav"}
	for i, one := range all {
		files = append(files, file{one.name, fmt.Sprint(wave, i)})
		want = append(want, one.want)
	}
	w := send(t, s, nil, files...)
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "problem") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	wantPlain(t, "the answer", w.Body.String())
	spooltest.WantNames(t, input, want...)
	for i, one := range all {
		text, err := os.ReadFile(filepath.Join(input, one.want))
		if err != nil || string(text) != fmt.Sprint(wave, i) {
			t.Errorf("%q is %.60q, %v", one.want, text, err)
		}
		if info, err := os.Lstat(filepath.Join(input, one.want)); runtime.GOOS != "windows" && (err != nil || info.Mode() != place.FileMode) {
			t.Errorf("%q: %v, %v", one.want, info, err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(input, "taken.wav")); err != nil || string(text) != "mine" {
		t.Errorf("what was there is %q, %v", text, err)
	}
}

// What is no song is said so, with what to do, and nothing of it stays. Songs beside it are taken.
func TestWhatIsNoSongIsRefused(t *testing.T) {
	t.Parallel()
	s, input := newUploadServer(t, func(o *Options) { o.MostUpload = 3_000_000 })
	good := file{"good.wav", wave}
	for _, c := range []struct {
		name   string
		files  []file
		change func(*http.Request)
		status int
		says   string
		stay   []string
	}{
		{"a text", []file{{"a.wav", "text"}, good}, nil, 415, "not audio: its content is of the type text/plain", []string{"good.wav"}},
		{"a long text", []file{{"a.wav", strings.Repeat("text ", 100_000)}, good}, nil, 415, "not audio", []string{"good.wav"}},
		{"a picture", []file{good, {"a.mp3", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"}}, nil, 415, "image/png", []string{"good.wav"}},
		{"empty", []file{{"a.wav", ""}}, nil, 400, "It is empty", nil},
		{"too large", []file{{"a.wav", wave + strings.Repeat("x", 3_000_001-len(wave))}, good}, nil, 413, "too large: a song may have 3 MB", nil},
		{"just small enough", []file{{"a.wav", wave + strings.Repeat("x", 3_000_000-len(wave))}}, nil, 200, "sent", []string{"a.wav"}},
		{"no file", []file{{"", ""}}, nil, 400, "No file was chosen", nil},
		{"no form", nil, func(r *http.Request) { r.Header.Set("Content-Type", "audio/wav") }, 415, "as a form", nil},
		{"no boundary", nil, func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data") }, 415, "as a form", nil},
		{"a name that no form can have", []file{good, {"a\x1b[31m.wav", wave}}, nil, 400, "rename it", []string{"good.wav"}},
		{"another boundary", []file{good}, func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }, 400, "stopped before its end", nil},
		{"half", []file{good}, func(r *http.Request) { r.Body = io.NopCloser(io.LimitReader(r.Body, 200)) }, 400, "stopped before its end", nil},
		{"more than songs", []file{good}, func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("x\r\n", 1<<18)), r.Body))
		}, 400, "more than songs in it", nil},
		{"a large header", nil, func(r *http.Request) {
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			r.Body = io.NopCloser(strings.NewReader("--x\r\nA: " + strings.Repeat("x", 1<<20)))
		}, 400, "more than songs in it", nil},
		{"a quotation mark without its end", nil, raw(`file"; filename="Live\"`), 400, `Live\</span> <span class="problem">Its name cannot be read`, []string{"good.wav"}},
		{"two names", nil, raw(`file"; filename="a.wav"; filename="b.wav"`), 400, "Its name cannot be read", []string{"good.wav"}},
		{"a name in what is no encoding", nil, raw(`file"; filename*=x`), 400, "Its name cannot be read", []string{"good.wav"}},
		{"another field", nil, raw(`filename"`), 200, "sent", []string{"good.wav"}},
		{"a file that was not chosen", nil, raw(`file"; filename=""`), 200, "sent", []string{"good.wav"}},
		{"more of fields than there may be", nil, func(r *http.Request) {
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n", mostFiles)))
		}, 400, "more than songs in it", nil},
	} {
		w := send(t, s, c.change, c.files...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d, %s; want %d with %q", c.name, w.Code, w.Body, c.status, c.says)
		}
		spooltest.WantNames(t, input, c.stay...)
		for _, name := range c.stay {
			spooltest.Must(t, os.Remove(filepath.Join(input, name)))
		}
	}
	spooltest.Must(t, os.Remove(input))
	if w := send(t, s, nil, good); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "input/ is not there") {
		t.Errorf("without a folder: %d, %s", w.Code, w.Body)
	}
	if err := s.Refresh(t.Context()); runtime.GOOS == "linux" && (err == nil || !strings.Contains(err.Error(), "cannot be put into input/")) {
		t.Errorf("Refresh without a folder: %v", err)
	}
}

// raw makes a request one of a form whose first part is a song with these words behind its name=", and whose second one is good.wav.
func raw(disposition string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		r.ContentLength = -1
		r.Body = io.NopCloser(strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"" + disposition + "\r\n\r\n" + wave +
			"\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"good.wav\"\r\n\r\n" + wave + "\r\n--x--\r\n"))
	}
}

// A page of another site cannot put in anything, under any name that leads here. A program that is no browser can.
func TestOnlyPagesOfThisServicePutSongsIn(t *testing.T) {
	t.Parallel()
	s, input := newUploadServer(t, func(o *Options) { o.Hosts = []string{"music.example"} })
	for _, c := range []struct {
		name   string
		host   string
		header map[string]string
		status int
	}{
		{"its own page", "localhost:8420", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8420"}, 200},
		{"its own page without that header", "music.example", map[string]string{"Origin": "http://music.example"}, 200},
		{"its own page through a proxy with TLS", "music.example", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "https://music.example"}, 200},
		{"curl", "localhost:8420", nil, 200},
		{"another site", "localhost:8420", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403},
		{"another site without that header", "localhost:8420", map[string]string{"Origin": "https://evil.example"}, 403},
		{"another port", "localhost:8420", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"}, 403},
		{"another port without that header", "localhost:8420", map[string]string{"Origin": "http://localhost:3000"}, 403},
		{"a frame without an origin", "localhost:8420", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "null"}, 403},
		{"no origin", "localhost:8420", map[string]string{"Origin": "null"}, 403},
		{"a name that leads here", "evil.example:8420", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example:8420"}, 403},
	} {
		w := send(t, s, func(r *http.Request) {
			r.Host, r.Header = c.host, http.Header{"Content-Type": r.Header["Content-Type"]}
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
		}, file{"song.wav", wave})
		if w.Code != c.status {
			t.Errorf("%s: %d, %s; want %d", c.name, w.Code, w.Body, c.status)
		}
		if c.status == 200 {
			spooltest.WantNames(t, input, "song.wav")
			spooltest.Must(t, os.Remove(filepath.Join(input, "song.wav")))
		}
		spooltest.WantNames(t, input)
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH"} {
		if w := send(t, s, func(r *http.Request) { r.Method = method }); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("%s = %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
	for _, target := range []string{"/", "/library", "/upload/x"} {
		if w := request(t, s, target, func(r *http.Request) { r.Method = http.MethodPost }); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s = %d", target, w.Code)
		}
	}
	w := request(t, s, uploadPath, nil)
	if w.Code != http.StatusOK || w.Header().Get("Referrer-Policy") != "same-origin" || w.Header().Get("Content-Security-Policy") != policy {
		t.Errorf("the page: %d, %v", w.Code, w.Header())
	}
	wantPlain(t, "the page", w.Body.String())
}

// Less than PIPELINE_MIN_FREE is not left: a song is refused before its first byte if its size is known, and otherwise after some.
func TestSomeOfTheDiskStaysFree(t *testing.T) {
	t.Parallel()
	free, _, known := place.Space(t.TempDir())
	if !known {
		t.Skip("LEFT OUT: this file system does not know how much is free")
	}
	s, input := newUploadServer(t, func(o *Options) { o.MinFree = space.Limit{Bytes: free + free/2} })
	unread := new(atomic.Bool)
	w := send(t, s, func(r *http.Request) {
		unread.Store(true)
		r.Header.Set("Expect", "100-continue")
		r.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { unread.Store(false); return 0, io.EOF }))
	}, file{"song.wav", wave})
	if w.Code != http.StatusInsufficientStorage || !strings.Contains(w.Body.String(), space.Setting) || !unread.Load() || w.Header().Get("Connection") != "close" {
		t.Errorf("%d, read: %t, %s", w.Code, !unread.Load(), w.Body)
	}
	for name, content := range map[string]string{"large": strings.Repeat("x", 2*lookEvery), "small": ""} {
		w = send(t, s, func(r *http.Request) { r.ContentLength = -1 }, file{"song.wav", wave + content}, file{"other.wav", wave})
		if w.Code != http.StatusInsufficientStorage || !strings.Contains(w.Body.String(), space.Setting) {
			t.Errorf("%s, of unknown size: %d, %s", name, w.Code, w.Body)
		}
	}
	spooltest.WantNames(t, input)
	if text := get(t, s, uploadPath); !strings.Contains(text, space.Setting) {
		t.Errorf("the page does not say it: %s", text)
	}
}

// What a crash left is removed after an hour, and nothing else.
func TestLeftPartsAreRemoved(t *testing.T) {
	t.Parallel()
	s, input := newUploadServer(t, nil)
	old := time.Now().Add(-leftAfter - time.Minute)
	for _, name := range []string{".im2-web-OLD.part", ".im2-web-NEW.part", ".im2-COPY.part", "cp.wav", "song.part"} {
		spooltest.Put(t, filepath.Join(input, name), wave)
		if !strings.Contains(name, "NEW") {
			spooltest.Must(t, os.Chtimes(filepath.Join(input, name), old, old))
		}
	}
	spooltest.Must(t, s.Refresh(t.Context()))
	spooltest.WantNames(t, input, ".im2-web-NEW.part", ".im2-COPY.part", "cp.wav", "song.part")
	spooltest.Must(t, os.Chtimes(filepath.Join(input, ".im2-web-NEW.part"), old, old))
	spooltest.Must(t, s.Refresh(t.Context()))
	spooltest.WantNames(t, input, ".im2-web-NEW.part", ".im2-COPY.part", "cp.wav", "song.part")
	s.uploads.now = func() time.Time { return time.Now().Add(leftAfter) }
	spooltest.Must(t, s.Refresh(t.Context()))
	spooltest.WantNames(t, input, ".im2-COPY.part", "cp.wav", "song.part")
}

func TestErrorsAreSaidInWords(t *testing.T) {
	t.Parallel()
	s, _ := newUploadServer(t, nil)
	for err, want := range map[error]string{
		fs.ErrPermission:               `500 The service may not write to the folder input/: type "mage reset-permissions".`,
		context.Canceled:               "400 It stopped before its end, and nothing of it was kept. Send it again.",
		errors.New("x: \x1b[31m"):      "500 It could not be written: x: \uFFFD[31m",
		&clientError{io.ErrNoProgress}: "400 It stopped before its end, and nothing of it was kept. Send it again.",
	} {
		if p := s.uploads.problemOf(err); fmt.Sprint(p.status, " ", p.text) != want {
			t.Errorf("%v: %d %s; want %s", err, p.status, p.text, want)
		}
	}
}
