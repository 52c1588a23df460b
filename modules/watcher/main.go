// Command watcher takes songs out of pipeline-data/input once they are complete, makes sure
// that they are audio, and makes a job of each.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/im2-audio/im2/pipeline/service"
)

const (
	defaultPoll   = time.Second
	defaultSettle = 2 * time.Second
)

func main() {
	os.Exit(service.Main(watcherService()))
}

func watcherService() service.Service {
	var settle time.Duration
	return service.Service{
		Name: "watcher",
		Poll: defaultPoll,
		Flags: func(flags *flag.FlagSet) {
			flags.DurationVar(&settle, "settle", defaultSettle,
				"how long a file must stay unchanged before it is taken")
		},
		Check: func() error {
			if settle < 0 {
				return fmt.Errorf("-settle %s: it must not be negative", settle)
			}
			return nil
		},
		Run: func(ctx context.Context, env *service.Env) error {
			w := newWatcher(env, settle)
			return env.Loop(ctx, w.turn)
		},
	}
}
