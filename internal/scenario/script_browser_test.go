package scenario_test

import (
	"context"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/im2-audio/im2/internal/dev/browser"
)

// tabKey finds a script's page in the browser among its values.
type tabKey struct{}

// scriptTab holds it, since values cannot be set later.
type scriptTab struct{ page context.Context } //nolint:containedctx // chromedp keeps the page in it

// do runs an action in the script's page.
func (s *scriptTab) do(ts *testscript.TestScript, action chromedp.Action[chromedp.Void]) {
	if s.page == nil {
		ts.Fatalf("no page is open: browse URL comes first")
	}
	ctx, cancel := context.WithTimeout(s.page, time.Minute)
	defer cancel()
	ts.Check(chromedp.Do(ctx, action))
}

// cmdBrowse opens a page in a real browser until the script ends.
func cmdBrowse(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "browse URL")
	path, err := ts.Value(harnessKey{}).(*harness).chromium()
	ts.Check(err)
	tab := ts.Value(tabKey{}).(*scriptTab)
	page, stop, err := browser.Start(path)
	ts.Check(err)
	ts.Defer(stop)
	tab.page = page
	tab.do(ts, chromedp.EmulateViewport(1440, 900))
	tab.do(ts, chromedp.Navigate(args[0]))
}

// cmdClick clicks the first element of the page that a CSS selector finds, as soon as it is there.
func cmdClick(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "click SELECTOR")
	ts.Value(tabKey{}).(*scriptTab).do(ts, chromedp.Click(chromedp.CSS(args[0])))
}

// cmdShows waits until an expression is true in the page.
func cmdShows(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "shows EXPRESSION TIMEOUT")
	limit, err := time.ParseDuration(args[1])
	ts.Check(err)
	tab := ts.Value(tabKey{}).(*scriptTab)
	var got any
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		tab.do(ts, func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
			got, err = browser.Eval[any](ctx, args[0])
			return chromedp.Void{}, err
		})
		if got == true {
			return
		}
	}
	text, _ := browser.Eval[string](tab.page, "document.body.innerText")
	ts.Fatalf("after %s, %s is %v in the page:\n%s", limit, args[0], got, text)
}
