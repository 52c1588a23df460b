//go:build linux

package pages_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/im2-audio/im2/internal/dev/browser"
	"github.com/im2-audio/im2/internal/run"
)

// A tab is one page in the browser, and what it complained of.
type tab struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp keeps the tab in it

	mu       sync.Mutex
	troubles []string
	// sites are those of the pages that were opened, and elsewhere what a page requested from another one.
	sites     map[string]bool
	elsewhere []string
}

// newTab starts a browser. The test fails if a page requests anything from another site than those that it opens.
func newTab(t *testing.T) *tab {
	t.Helper()
	path, err := browser.Chromium(t.Context(), run.Local{}, required)
	path = need(t, "Chromium", path, err)
	ctx, stop, err := browser.Start(path)
	must(t, err)
	t.Cleanup(stop)
	b := &tab{t: t, ctx: ctx, sites: make(map[string]bool)}
	must(t, chromedp.Listen(ctx, b.watch))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, address := range b.elsewhere {
			t.Errorf("a page requests %s from another site", address)
		}
	})
	said := chromedp.Console(ctx)
	go func() {
		for m, err := range said {
			if err == nil && (m.IsException() || m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning) {
				b.mu.Lock()
				b.troubles = append(b.troubles, m.String()+" "+m.URL)
				b.mu.Unlock()
			}
		}
	}()
	return b
}

// watch notes what a page requests from another site, and closes each dialog, which is trouble, too.
func (b *tab) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if from := siteOf(e.Request.URL); from != "" && !b.sites[from] {
			b.elsewhere = append(b.elsewhere, e.Request.URL)
		}
	case *page.EventJavascriptDialogOpening:
		b.troubles = append(b.troubles, "it opens a dialog: "+e.Message)
		go func() { _, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{}) }()
	}
}

// siteOf is where an address leads; "" for one that has its content in it.
func siteOf(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return address
	case u.Scheme == "data" || u.Scheme == "blob" || u.Scheme == "about":
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// quiet fails the test for what the browser complained of so far, unless it has to do with allowed.
func (b *tab) quiet(allowed string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.troubles {
		if allowed == "" || !strings.Contains(text, allowed) {
			b.t.Errorf("the browser complains: %s", text)
		}
	}
	b.troubles = nil
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	must(b.t, chromedp.Do(ctx, actions...))
}

// open shows a page of this size, and waits until its scripts have run.
func (b *tab) open(address string, width, height int64) {
	b.t.Helper()
	b.mu.Lock()
	b.sites[siteOf(address)] = true
	b.mu.Unlock()
	b.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(address))
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		b.do(chromedp.KeyEvent(key))
	}
}

// run runs statements in the page.
func (b *tab) run(statements string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](statements, chromedp.EvalAwaitPromise))
}

// eval returns what an expression is in the page. It may be a promise.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := browser.Eval[T](ctx, expression)
	must(b.t, err)
	return value
}

// until waits until an expression is true in the page.
func (b *tab) until(expression string) {
	b.t.Helper()
	waitFor(b.t, expression, func() bool { return eval[bool](b, "Boolean("+expression+")") })
}

// What a page requests from another site, and a dialog, are noticed.
func TestATabNoticesWhatAPageDoes(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<link rel="icon" href="data:,"><img src="/here.png"><img src="%s/there.png"><script>alert("hello")</script>`, other.URL)
	}))
	defer site.Close()
	b := newTab(t)
	b.open(site.URL, 360, 740)
	b.mu.Lock()
	defer b.mu.Unlock()
	if want := []string{other.URL + "/there.png"}; !slices.Equal(b.elsewhere, want) {
		t.Errorf("it notices requests for %q; want %q", b.elsewhere, want)
	}
	if !slices.Contains(b.troubles, "it opens a dialog: hello") {
		t.Errorf("it notices no dialog: %q", b.troubles)
	}
	b.elsewhere = nil
}
