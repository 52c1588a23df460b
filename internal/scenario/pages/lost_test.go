//go:build linux

package pages_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// A song whose connection is lost is sent again by the page, and given up only if that happens each time.
func TestASongThatIsLostIsSentAgain(t *testing.T) {
	t.Parallel()
	s := siteWith(t, uploads)
	service, err := url.Parse(s.url)
	must(t, err)
	between := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(service)
		r.Out.Host = r.In.Host
	}}
	var lost atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && lost.Load() {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = c.Close() // without an answer
			}
			return
		}
		between.ServeHTTP(w, r)
	}))
	defer front.Close()
	path := filepath.Join(t.TempDir(), "song.wav")
	must(t, os.WriteFile(path, wavHeader(1), 0o644))
	b := newTab(t)
	b.open(front.URL+"/upload", 1440, 900)
	send := func() {
		b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{path}))
		b.click("#upload button")
	}
	lost.Store(true)
	send()
	b.until(`document.getElementById('files').textContent.includes('is sent again')`)
	lost.Store(false)
	b.until(`document.getElementById('files').textContent.includes('song.wav sent')`)
	b.run(`(() => { const later = setTimeout; window.setTimeout = (f, after, ...a) => later(f, after / 20, ...a); })()`)
	lost.Store(true)
	send()
	b.until(`document.getElementById('files').textContent.includes('choose the song again')`)
	b.quiet("ERR_")
}
