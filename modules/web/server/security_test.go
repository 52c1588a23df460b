package server

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/metrics"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// attacks are what an address must not lead out of the data folder with, or into what is not to be seen of it.
func attacks() []string {
	return []string{
		"../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "..%252fsecret", "....//secret", "..\\secret", "..%5csecret", "%5c..%5csecret",
		"secret%00.wav", "%00", "vocals.wav%00.jpg", "%2fetc%2fpasswd", "/etc/passwd", "//etc/passwd", "C:%5csecret", "%c0%ae%c0%ae/secret", "%ff%fe",
		"track.json", ".hidden.wav", "notes.txt", "link.wav", "linkfolder", "song", "song/vocals.wav", "song%2fvocals.wav", "-rf", "~root", "%0d%0aX-Evil:1",
		"../../queue/done/" + id(1) + "/job.json", strings.Repeat("a", 1000), strings.Repeat("../", 300) + "etc/passwd", "*", "?", "%3f", "%23", "vocals.wav/", "vocals.wav/.",
	}
}

// TestNoAddressLeadsElsewhere puts each attack into each place of an address.
func TestNoAddressLeadsElsewhere(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	const secret = "TOP SECRET"
	outside := filepath.Join(t.TempDir(), "secret")
	spooltest.Must(t, os.WriteFile(outside, []byte(secret), 0o644))
	spooltest.Must(t, os.WriteFile(filepath.Join(data, "secret"), []byte(secret), 0o644))
	putSong(t, data, "song", map[string]any{}, "vocals.wav", "link.wav", "../secret.wav", "/etc/passwd", "a\\b.wav", ".hidden.wav", "notes.txt", "fifo.wav")
	song := filepath.Join(data, job.OutputFolder, "song")
	for _, name := range []string{"secret", ".hidden.wav", "notes.txt"} {
		spooltest.Must(t, os.WriteFile(filepath.Join(song, name), []byte(secret), 0o644))
	}
	spooltest.Must(t, os.Remove(filepath.Join(song, "link.wav")))
	spooltest.Must(t, os.Symlink(outside, filepath.Join(song, "link.wav")))
	spooltest.Must(t, os.Symlink(filepath.Dir(outside), filepath.Join(data, job.OutputFolder, "linkfolder")))
	putJob(t, data, job.Done, 1, map[string]any{"name": "x.mp3"})
	spooltest.Must(t, s.Refresh(t.Context()))
	wantOnlyWhatIsListed(t, s, secret, nil)
	if w := request(t, s, uploadPath, nil); w.Code != http.StatusNotFound {
		t.Errorf("%s, which is off, = %d", uploadPath, w.Code)
	}
	s.uploads = newUploads(Options{Data: data, Log: s.log, MostUpload: 1 << 30})
	s.metrics = metrics.Handler(metrics.Options{Data: data})
	wantOnlyWhatIsListed(t, s, secret, []string{uploadPath, "/metrics"})
}

// wantOnlyWhatIsListed asks s, which has the song "song", for what it must not serve. more are pages that it has beside the others.
func wantOnlyWhatIsListed(t *testing.T, s *Server, secret string, more []string) {
	t.Helper()
	key := keyOf("song")
	for _, target := range []string{"/static", "/static/", "/song", "/song/", "/song/" + key + "/", "/song/" + key + "/file", "/song/" + key + "/file/", "/song//stems.zip"} {
		if w := request(t, s, target, nil); w.Code != http.StatusNotFound {
			t.Errorf("GET %s = %d: %.200s", target, w.Code, w.Body)
		}
	}
	for _, place := range []string{"/%s", "/song/%s", "/song/" + key + "/%s", "/song/" + key + "/file/%s", "/song/%s/file/vocals.wav", "/song/%s/stems.zip", "/static/%s", "/live/%s", "/library/%s", "/failed/%s", "/upload/%s", "/metrics/%s"} {
		for _, attack := range attacks() {
			target := fmt.Sprintf(place, attack)
			w := request(t, s, target, nil)
			known := place == "/song/"+key+"/file/%s" && strings.HasPrefix(attack, "?") || attack == "?" || attack == "%23"
			if (w.Code < 400 && !known) || w.Code >= 500 || strings.Contains(w.Body.String(), secret) || strings.Contains(w.Body.String(), "root:") || w.Header().Get("X-Evil") != "" {
				t.Errorf("GET %.120s = %d: %.200s", target, w.Code, w.Body)
			}
		}
	}
	pages := append([]string{"/", "/library", "/failed", "/song/" + key, "/song/" + key + "/file/vocals.wav", "/static/style.css"}, more...)
	for _, name := range []string{"q", "page", "download", "x"} {
		for _, attack := range attacks() {
			for _, page := range pages {
				w := request(t, s, page+"?"+name+"="+url.QueryEscape(attack), nil)
				if w.Code != http.StatusOK || strings.Contains(w.Body.String(), secret) {
					t.Errorf("GET %s?%s=%.60q = %d", page, name, attack, w.Code)
				}
			}
		}
	}
	if text := get(t, s, "/song/"+key+"/file/vocals.wav"); text != "sound of vocals.wav" {
		t.Errorf("the stem is %q", text)
	}
}

func TestOnlyTheNamesOfThisMachineAreAnswered(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8420": 200, "LOCALHOST:1": 200, "localhost.": 200, "127.0.0.1:8420": 200, "[::1]:8420": 200, "[::1]": 200,
		"music.example": 200, "Music.Example.:443": 200,
		"evil.example": 403, "localhost.evil.example": 403, "127.0.0.1.nip.io:8420": 403, "127.0.0.2": 403, "0.0.0.0:8420": 403, "[::]:8420": 403, "": 403,
		"localhost@evil.example": 403, "localhost:8420@evil.example": 403, "[::1": 403, "localhost evil": 403, "169.254.169.254": 403, "music.example.evil": 403,
	} {
		if w := request(t, s, "/", func(r *http.Request) { r.Host = host }); w.Code != want {
			t.Errorf("Host %q = %d; want %d", host, w.Code, want)
		}
	}
	w := request(t, s, "/", func(r *http.Request) { r.Host = `<script>alert(1)</script>` })
	if w.Code != http.StatusForbidden || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a Host with markup = %d %v", w.Code, w.Header())
	}
}

func TestHostsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "Music.Example., 10.0.0.1": "music.example 10.0.0.1", "[fe80::1]": "fe80::1", "a:8080": "a"} {
		if got, err := ParseHosts(text); err != nil || strings.Join(got, " ") != want {
			t.Errorf("ParseHosts(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"*", "*.example", "http://music.example", "a b", "me@music.example", "[::1", strings.Repeat("a,", 33)} {
		if got, err := ParseHosts(text); err == nil {
			t.Errorf("ParseHosts(%.40q) = %q", text, got)
		}
	}
}

func TestNothingCanBeChanged(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "get"} {
		w := request(t, s, "/", func(r *http.Request) { r.Method = method })
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s = %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
	w := request(t, s, "/", func(r *http.Request) { r.ContentLength = 10 })
	if w.Code != http.StatusBadRequest || w.Header().Get("Connection") != "close" {
		t.Errorf("a GET with a body = %d, Connection %q", w.Code, w.Header().Get("Connection"))
	}
	if w := request(t, s, "/"+strings.Repeat("a", mostAddress), nil); w.Code != http.StatusRequestURITooLong {
		t.Errorf("a long address = %d", w.Code)
	}
}

var (
	// namespace is the name of a kind of XML, which nothing asks for.
	namespace = regexp.MustCompile(`\bxmlns(:\w+)?="http://www\.w3\.org/[\w/]+"`)
	// elsewhere is the beginning of an address of another site: one with a scheme, or one without it in a text or in url().
	elsewhere = regexp.MustCompile("(?i)\\b(https?|wss?|ftp):.{0,40}|[\"'`(]\\s*//.{0,40}")
)

// Each answer, whatever it is, says what browsers may do with it.
func TestEachAnswerProtectsItself(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	s.uploads = newUploads(Options{Data: data, Log: s.log, MostUpload: 1 << 30})
	putSong(t, data, "song", map[string]any{}, "vocals.wav")
	spooltest.Must(t, s.Refresh(t.Context()))
	targets := []string{"/", "/library", "/failed", uploadPath, "/song/" + keyOf("song"), "/song/" + keyOf("song") + "/file/vocals.wav", "/none"}
	for name := range s.assets {
		targets = append(targets, "/static/"+name)
	}
	for _, target := range targets {
		w := request(t, s, target, nil)
		referrer := "no-referrer"
		if target == uploadPath { // whose form would come without its origin
			referrer = "same-origin"
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": referrer, "X-Frame-Options": "DENY",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q; want %q", target, name, got, want)
			}
		}
		if kind := w.Header().Get("Content-Type"); kind == "" {
			t.Errorf("%s has no media type", target)
		}
		if text := w.Body.String(); strings.Contains(text, "<style") || strings.Contains(text, " style=") || strings.Contains(text, "<script>") || strings.Contains(text, " onclick=") {
			t.Errorf("%s has a script or a style in the page, which the policy forbids", target)
		}
		if found := elsewhere.FindString(namespace.ReplaceAllString(w.Body.String(), "")); found != "" {
			t.Errorf("%s names another site: %s", target, found)
		}
	}
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("the policy is %s; want %s", policy, want)
		}
	}
}

// serve starts the server on a port of this machine.
func serve(t *testing.T, s *Server) (address string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	spooltest.Must(t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return l.Addr().String()
}

// What no client library sends, over a real connection.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	address := serve(t, s)
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n":                                      "200",
		"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n":                   "403",
		"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n":                "400",
		"GET / HTTP/1.0\r\n\r\n":                                                         "403",
		"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("a", 20000) + "\r\n": "431",
		"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n":                      "404",
		"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n":                                   "400",
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n":                                  "405",
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n":                "405",
		"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n":        "400",
		"\x16\x03\x01\x02\x00":                                                           "400",
	} {
		var dial net.Dialer
		c, err := dial.DialContext(t.Context(), "tcp", address)
		spooltest.Must(t, err)
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		_, err = c.Write([]byte(request))
		spooltest.Must(t, err)
		if request[0] == 0x16 {
			_, _ = c.Write([]byte("\r\n\r\n"))
		}
		line, err := bufio.NewReader(c).ReadString('\n')
		if fields := strings.Fields(line); err != nil || len(fields) < 2 || fields[1] != want {
			t.Errorf("%.60q = %q, %v; want %s", request, line, err, want)
		}
		_ = c.Close()
	}
}
