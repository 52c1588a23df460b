package model

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestCancelThenGoOn(t *testing.T) {
	t.Parallel()
	const half = 150_000
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.server.answer = func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n > 0 {
			return false
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(f.tarball)))
		_, _ = w.Write(f.tarball[:half])
		_ = http.NewResponseController(w).Flush()
		go func() {
			for r.Context().Err() == nil { // until the bytes have arrived
				if info, err := os.Stat(f.part()); err == nil && info.Size() == half {
					cancel()
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		<-r.Context().Done()
		return true
	}
	start := time.Now()
	_, err := f.ensure(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "150 kB of 303 kB are kept") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("stopping took %v", took)
	}
	f.keeps(half)
	if got := f.fetched(); got.Received != f.artifact.TarballSize-half {
		t.Errorf("received %d bytes", got.Received)
	}
}

func TestCanceledWhileWaiting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.backoff = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	f.server.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		time.AfterFunc(20*time.Millisecond, cancel)
		return true
	}
	if _, err := f.ensure(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestCanceledBefore(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := newFixture(t)
	f.write(f.stored("test.onnx"), f.content)
	if _, err := f.ensure(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("checking: %v", err)
	}
	g := newFixture(t)
	g.write(g.part(), g.tarball)
	if _, err := g.ensure(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a part: %v", err)
	}
	g.write(g.stored("test.onnx"), g.content)
	if _, err := g.ensure(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("preparing: %v", err)
	}
	g.has(g.Dir)
}
