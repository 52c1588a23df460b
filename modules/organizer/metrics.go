package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/im2-audio/im2/pipeline/metrics"
	"github.com/im2-audio/im2/pipeline/service"
)

// maxHeader is how many bytes a request may have.
const maxHeader = 8 << 10

// serve answers GET /metrics at an address until ctx ends: among all else, how many songs wait, for what scales the workers.
func serve(ctx context.Context, env *service.Env, address string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("-metrics %s: %w", address, err)
	}
	handler := http.NewServeMux()
	handler.Handle("GET /metrics", metrics.Handler(metrics.Options{Data: env.Data, Limit: env.MinFree}))
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
