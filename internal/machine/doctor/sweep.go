package doctor

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/im2-audio/im2/internal/docker/engine"
)

const (
	// sweepWithin is how long removing everything may take.
	sweepWithin = 10 * time.Second
	// goneWithin is how long after an interrupt everything must be over: Mage ends a target
	// after 5 seconds.
	goneWithin = 4700 * time.Millisecond
	// calm is for how long nothing may appear after something was cut off. The engine goes on
	// with what it was asked for, such as making a container, when nobody waits any more.
	calm = 600 * time.Millisecond
)

func endOf(ctx context.Context) func() time.Duration {
	var at atomic.Pointer[time.Time]
	context.AfterFunc(ctx, func() { now := time.Now(); at.Store(&now) })
	return func() time.Duration {
		if ended := at.Load(); ended != nil {
			return time.Since(*ended)
		}
		return 0
	}
}

// lasting returns a context that ends a while after ctx, for requests that the engine completes anyway: they are
// waited for, and the result is removed.
func lasting(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(after, cancel) })
	return longer, func() { stop(); cancel() }
}

func (d *Doctor) sweep(ctx context.Context, e *engine.Engine, clean bool, ended func() time.Duration) {
	within := sweepWithin
	if ctx.Err() != nil {
		within, clean = goneWithin-ended(), false
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	for quiet := time.Now(); ; time.Sleep(calm / 4) {
		if d.remove(late, e) > 0 {
			quiet = time.Now()
		}
		if clean || late.Err() != nil || time.Since(quiet) >= calm {
			break
		}
	}
	for _, kind := range []string{"container", "image"} { // what killed runs have left
		if ctx.Err() == nil {
			_ = e.Run(late, e.Command(staleArguments(kind)...))
		}
	}
}

func (d *Doctor) remove(ctx context.Context, e *engine.Engine) int {
	containers, err := e.Containers(ctx, label+"="+d.run)
	if err == nil && len(containers) > 0 { // one that was killed; others remove themselves
		_ = e.Run(ctx, e.Command(append([]string{"rm", "--force", "--volumes"}, containers...)...))
	}
	out, err := e.Output(ctx, e.Command("image", "ls", "--quiet", "--filter", "label="+label+"="+d.run))
	images := strings.Fields(string(out))
	if err == nil && len(images) > 0 {
		_ = e.Run(ctx, e.Command(append([]string{"image", "rm", "--force"}, images...)...))
	}
	return len(containers) + len(images)
}

func staleArguments(kind string) []string {
	args := []string{kind, "prune", "--force", "--filter", "label=" + label, "--filter", "until=" + staleAfter.String()}
	if kind == "image" {
		args = append(args, "--all") // also those with a name, which ours have
	}
	return args
}
