// Command web shows the pipeline in a browser: the queue, the finished songs, and what went wrong. It only reads.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/im2-audio/im2/modules/web/server"
	"github.com/im2-audio/im2/pipeline/metrics"
	"github.com/im2-audio/im2/pipeline/service"
)

const (
	defaultPoll = time.Second
	// heap is how much memory the program may take before it tidies up more often: its container has 256 MB.
	heap = 192 << 20
	// hostsSetting names the hosts, beside this machine, by which a browser may ask for the pages.
	hostsSetting = "WEB_HOSTS"
)

func main() {
	os.Exit(service.Main(webService()))
}

func webService() service.Service {
	var listen, hosts string
	return service.Service{
		Name: "web",
		Poll: defaultPoll,
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&listen, "listen", ":8080", "serve the pages at this address of the container")
			f.StringVar(&hosts, "hosts", os.Getenv(hostsSetting), "names, with commas, by which a browser may ask for the pages, beside localhost; its default is $"+hostsSetting)
		},
		Check: func() error {
			if _, err := server.ParseHosts(hosts); err != nil {
				return fmt.Errorf("-hosts %.60q: %w; set %s in .env and run `mage up`", hosts, err, hostsSetting)
			}
			return checkWebhook()
		},
		Run: func(ctx context.Context, env *service.Env) error { return run(ctx, env, listen, hosts) },
	}
}

// run serves the pages until ctx ends, or they can be served no longer.
func run(ctx context.Context, env *service.Env, listen, hosts string) error {
	debug.SetMemoryLimit(heap)
	names, err := server.ParseHosts(hosts)
	if err != nil {
		return err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("-listen %s: %w", listen, err)
	}
	s, err := server.New(server.Options{Data: env.Data, Hosts: names, Log: env.Log, MinFree: env.MinFree, Poll: env.Poll, Metrics: metrics.Handler(metrics.Options{Data: env.Data, Limit: env.MinFree})})
	if err != nil {
		return err
	}
	env.Log.Info("serving pages", "address", listener.Addr().String())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer notifyWebhook(ctx, env)()
	served := make(chan error, 1)
	go func() {
		err := s.Serve(ctx, listener)
		served <- err
		cancel(err)
	}()
	err = env.Loop(ctx, func(ctx context.Context) (bool, error) {
		stop := env.Health.KeepAlive(ctx) // A first look at a large library on a slow disk takes longer than a heartbeat lasts.
		defer stop()
		return false, s.Refresh(ctx)
	})
	cancel(nil)
	if failed := <-served; failed != nil {
		return failed
	}
	return err
}
