package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/service"
	"github.com/im2-audio/im2/pipeline/spool"
)

const (
	// countedFor is how long counts are good for: whoever asks more often makes the file server no more work.
	countedFor = 2 * time.Second
	// maxHeader is how many bytes a request may have.
	maxHeader = 8 << 10
)

// serve answers GET /metrics at an address until ctx ends: how many jobs are in which stage, for what scales the workers.
func serve(ctx context.Context, env *service.Env, address string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("-metrics %s: %w", address, err)
	}
	handler := http.NewServeMux()
	handler.Handle("GET /metrics", &counter{data: env.Data, now: time.Now})
	server := &http.Server{
		Handler: handler, MaxHeaderBytes: maxHeader, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
	context.AfterFunc(ctx, func() { _ = server.Close() }) // nothing is lost
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			env.Log.Error("no metrics", "error", err)
		}
	}()
	env.Log.Info("serving metrics", "address", listener.Addr().String())
	return nil
}

// A counter counts jobs in the queue.
type counter struct {
	data string
	now  func() time.Time

	mu      sync.Mutex
	spool   *spool.Spool // nil until the data folder could be opened
	text    string
	err     error
	counted time.Time
}

// ServeHTTP writes the counts as Prometheus reads them.
func (c *counter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	if c.counted.IsZero() || c.now().Sub(c.counted) >= countedFor {
		c.text, c.err = c.count()
		c.counted = c.now()
	}
	text, err := c.text, c.err
	c.mu.Unlock()
	if err != nil {
		http.Error(w, "counting jobs: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write([]byte(text)) // who asked is gone, otherwise
}

// count counts the jobs that have not ended.
func (c *counter) count() (string, error) {
	if c.spool == nil {
		s, err := spool.Open(c.data)
		if err != nil {
			return "", err
		}
		c.spool = s
	}
	var text strings.Builder
	text.WriteString("# HELP im2_queue_jobs Jobs in a stage of the queue.\n# TYPE im2_queue_jobs gauge\n")
	unseparated := 0
	for _, stage := range job.Stages {
		if stage.Final() {
			continue
		}
		ids, err := c.spool.List(stage)
		if err != nil {
			return "", err
		}
		if stage == job.Pending || stage == job.Separating {
			unseparated += len(ids)
		}
		fmt.Fprintf(&text, "im2_queue_jobs{stage=%q} %d\n", stage, len(ids))
	}
	fmt.Fprintf(&text, "# HELP im2_queue_unseparated_jobs Jobs that wait for a worker or have one.\n# TYPE im2_queue_unseparated_jobs gauge\nim2_queue_unseparated_jobs %d\n", unseparated)
	return text.String(), nil
}
