// Command organizer puts finished stems into output/, one folder for each track, and the
// originals into archive/.
package main

import (
	"context"
	"flag"
	"os"
	"time"

	"github.com/im2-audio/im2/pipeline/service"
)

const defaultPoll = 500 * time.Millisecond

func main() {
	os.Exit(service.Main(organizerService()))
}

func organizerService() service.Service {
	var metrics string
	return service.Service{
		Name: "organizer",
		Poll: defaultPoll,
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&metrics, "metrics", "", "serve GET /metrics at this address, such as :9090")
		},
		Run: func(ctx context.Context, env *service.Env) error {
			if metrics != "" {
				if err := serve(ctx, env, metrics); err != nil {
					return err
				}
			}
			return env.Loop(ctx, newOrganizer(env).turn)
		},
	}
}
