// Command organizer puts finished stems into output/, one folder for each track, and the
// originals into archive/.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/im2-audio/im2/pipeline/layout"
	"github.com/im2-audio/im2/pipeline/service"
)

const defaultPoll = 500 * time.Millisecond

func main() {
	os.Exit(service.Main(organizerService()))
}

func organizerService() service.Service {
	var metrics, where string
	return service.Service{
		Name: "organizer",
		Poll: defaultPoll,
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&metrics, "metrics", "", "serve GET /metrics at this address, such as :9090")
			f.StringVar(&where, "layout", cmp.Or(os.Getenv(layout.Setting), layout.Flat), "which folders songs get: flat or media; its default is $"+layout.Setting)
		},
		Check: func() error {
			if err := layout.Check(where); err != nil {
				return fmt.Errorf("-layout %.60q: %w; set %s in .env.local and run `mage up`", where, err, layout.Setting)
			}
			return nil
		},
		Run: func(ctx context.Context, env *service.Env) error {
			if metrics != "" {
				if err := serve(ctx, env, metrics); err != nil {
					return err
				}
			}
			return env.Loop(ctx, newOrganizer(env, where).turn)
		},
	}
}
