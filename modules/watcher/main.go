// Command watcher takes songs out of pipeline-data/input once they are complete, makes sure
// that they are audio, and makes a job of each.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/service"
)

const (
	defaultPoll   = time.Second
	defaultSettle = 2 * time.Second
	gigabyte      = 1_000_000_000
)

func main() {
	os.Exit(service.Main(watcherService()))
}

func watcherService() service.Service {
	var settle time.Duration
	var maxSize int64
	return service.Service{
		Name: "watcher",
		Poll: defaultPoll,
		Flags: func(flags *flag.FlagSet) {
			flags.DurationVar(&settle, "settle", defaultSettle,
				"how long a file must stay unchanged before it is taken")
			flags.Int64Var(&maxSize, "max-size", audio.Largest/gigabyte, "how large a song may be, in GB; a larger one is rejected")
		},
		Check: func() error {
			if settle < 0 {
				return fmt.Errorf("-settle %s: it must not be negative", settle)
			}
			if maxSize < 1 || maxSize > math.MaxInt64/gigabyte {
				return fmt.Errorf("-max-size %d: it must be from 1 to %d GB", maxSize, math.MaxInt64/gigabyte)
			}
			return nil
		},
		Run: func(ctx context.Context, env *service.Env) error {
			w := newWatcher(env, settle, maxSize*gigabyte)
			defer w.release()
			return env.Loop(ctx, w.turn)
		},
	}
}
