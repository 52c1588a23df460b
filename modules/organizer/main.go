// Command organizer puts finished stems into output/, one folder for each track, and the
// originals into archive/.
package main

import (
	"context"
	"os"
	"time"

	"github.com/im2-audio/im2/pipeline/service"
)

const defaultPoll = 500 * time.Millisecond

func main() {
	os.Exit(service.Main(organizerService()))
}

func organizerService() service.Service {
	return service.Service{
		Name: "organizer",
		Poll: defaultPoll,
		Run: func(ctx context.Context, env *service.Env) error {
			return env.Loop(ctx, newOrganizer(env).turn)
		},
	}
}
