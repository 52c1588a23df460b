package image

import (
	"context"
	"sync"

	"github.com/im2-audio/im2/internal/docker/engine"
)

// ready finds Compose and Buildx and asks Compose what it would build: a tenth of a second that
// passes while the files are looked at, once it is clear that there is something to build.
type ready struct {
	builder  Builder
	services []string

	once    sync.Once
	done    chan struct{}
	engine  *engine.Engine
	printed []byte // the bake definition of all services
	err     error
}

func (b Builder) ready(services []string) *ready {
	return &ready{builder: b, services: services, done: make(chan struct{})}
}

func (r *ready) start(ctx context.Context) {
	r.once.Do(func() {
		go func() {
			defer close(r.done)
			if r.engine, r.err = r.builder.Client.Find(ctx); r.err == nil {
				r.printed, r.err = r.builder.print(ctx, r.engine, r.services)
			}
		}()
	})
}

func (r *ready) wait(ctx context.Context) error {
	r.start(ctx)
	<-r.done
	return r.err
}
