package browser

import (
	"context"
	"fmt"
	"os"

	"github.com/chromedp/chromedp"
)

// Start starts the Chromium at path without a window, and without a loudspeaker. The context is its one page, for chromedp; stop ends
// it, and removes what it wrote.
func Start(path string) (page context.Context, stop func(), err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Flag("disable-audio-output", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	all, end := chromedp.NewExecAllocator(context.Background(), options...)
	page, closePage := chromedp.NewContext(all)
	stop = func() {
		closePage()
		end()
	}
	if err := chromedp.Do(page); err != nil { // which starts it: it would end with a context that is given first
		stop()
		return nil, nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return page, stop, nil
}

// Eval returns what an expression is in the page. It may be a promise.
func Eval[T any](page context.Context, expression string) (T, error) {
	return chromedp.Run(page, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}
