//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func get(t *testing.T, method, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	spooltest.Must(t, err)
	response, err := http.DefaultClient.Do(request)
	spooltest.Must(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	spooltest.Must(t, err)
	return response.StatusCode, string(text)
}

// What is served is what is in the queue, in the form that Prometheus and KEDA read; it can only be read.
func TestMetrics(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 3 {
		j := b.add("song.mp3")
		spooltest.Must(t, j.Move(job.Pending))
	}
	_, err := b.spool.Claim(t.Context(), job.Pending, job.Separating, "other")
	spooltest.Must(t, err)
	b.add("separated.mp3")
	log := new(lockedBuffer)
	b.env.Log = slog.New(slog.NewTextHandler(log, nil))
	ctx, cancel := context.WithCancel(t.Context())
	spooltest.Must(t, serve(ctx, b.env, "127.0.0.1:0"))
	address := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(log.String())[1]
	code, text := get(t, http.MethodGet, "http://"+address+"/metrics")
	for _, want := range []string{
		"# TYPE im2_queue_jobs gauge\n", "im2_queue_jobs{stage=\"incoming\"} 0\n", "im2_queue_jobs{stage=\"pending\"} 2\n", "im2_queue_jobs{stage=\"separating\"} 1\n",
		"im2_queue_jobs{stage=\"separated\"} 1\n", "im2_queue_jobs{stage=\"organizing\"} 0\n", "im2_queue_unseparated_jobs 3\n",
	} {
		if code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%d: %q is not in\n%s", code, want, text)
		}
	}
	for _, wrong := range []struct{ method, path string }{{http.MethodPost, "/metrics"}, {http.MethodGet, "/"}, {http.MethodDelete, "/metrics"}} {
		if code, _ := get(t, wrong.method, "http://"+address+wrong.path); code < 400 {
			t.Errorf("%s %s: %d", wrong.method, wrong.path, code)
		}
	}
	if err := serve(ctx, b.env, address); err == nil || !strings.Contains(err.Error(), "-metrics "+address) {
		t.Errorf("an address that is taken: %v", err)
	}
	cancel()
}
