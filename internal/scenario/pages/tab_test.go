//go:build linux

package pages_test

import (
	"context"
	"strings"
	"sync"
	"testing"

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
}

// newTab starts a browser.
func newTab(t *testing.T) *tab {
	t.Helper()
	path, err := browser.Chromium(t.Context(), run.Local{}, required)
	path = need(t, "Chromium", path, err)
	ctx, stop, err := browser.Start(path)
	must(t, err)
	t.Cleanup(stop)
	b := &tab{t: t, ctx: ctx}
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
func (b *tab) open(url string, width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(url))
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
