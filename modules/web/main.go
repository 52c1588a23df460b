// Command web shows the pipeline in a browser: the queue, the finished songs, and what went wrong. It only reads, unless songs may be
// put in with it.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/im2-audio/im2/modules/web/server"
	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/metrics"
	"github.com/im2-audio/im2/pipeline/service"
)

const (
	defaultPoll = time.Second
	// heap is how much memory the program may take before it tidies up more often: its container has 256 MB.
	heap = 192 << 20
	// uploadSetting says whether songs can be put in with a browser.
	uploadSetting = "IM2_WEB_UPLOAD"
	on, off       = "on", "off"
	gigabyte      = 1_000_000_000
	// hostsSetting names the hosts, beside this machine, by which a browser may ask for the pages.
	hostsSetting = "WEB_HOSTS"
)

func main() {
	os.Exit(service.Main(webService()))
}

func webService() service.Service {
	var listen, hosts, upload string
	var most int64
	return service.Service{
		Name:  "web",
		Poll:  defaultPoll,
		Apart: []string{job.InputFolder},
		Flags: func(f *flag.FlagSet) {
			f.StringVar(&listen, "listen", ":8080", "serve the pages at this address of the container")
			f.StringVar(&hosts, "hosts", os.Getenv(hostsSetting), "names, with commas, by which a browser may ask for the pages, beside localhost; its default is $"+hostsSetting)
			f.StringVar(&upload, "upload", cmp.Or(os.Getenv(uploadSetting), off), "on or off: whether songs can be put into input/ with a browser; its default is $"+uploadSetting)
			f.Int64Var(&most, "upload-max", audio.Largest/gigabyte, "how large a song may be that is put in with a browser, in GB")
		},
		Check: func() error {
			if _, err := server.ParseHosts(hosts); err != nil {
				return fmt.Errorf("-hosts %.60q: %w; set %s in .env.local and run `mage up`", hosts, err, hostsSetting)
			}
			if upload != on && upload != off {
				return fmt.Errorf("-upload %.60q: it must be on or off; set %s in .env.local and run `mage up`", upload, uploadSetting)
			}
			if most < 1 || most > math.MaxInt64/gigabyte {
				return fmt.Errorf("-upload-max %d: it must be from 1 to %d GB", most, math.MaxInt64/gigabyte)
			}
			return checkWebhook()
		},
		Run: func(ctx context.Context, env *service.Env) error {
			return run(ctx, env, listen, hosts, server.Options{Upload: upload == on, MostUpload: most * gigabyte})
		},
	}
}

// run serves the pages until ctx ends, or they can be served no longer. It completes o.
func run(ctx context.Context, env *service.Env, listen, hosts string, o server.Options) error {
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
	o.Data, o.Hosts, o.Log, o.MinFree, o.Poll = env.Data, names, env.Log, env.MinFree, env.Poll
	o.Metrics = metrics.Handler(metrics.Options{Data: env.Data, Limit: env.MinFree})
	s, err := server.New(o)
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
