package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/metrics"
)

// The metrics are served like a page: to those who ask for this machine alone.
func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	s, data := newServer(t)
	if w := request(t, s, "/metrics", nil); w.Code != http.StatusNotFound {
		t.Errorf("without any: %d", w.Code)
	}
	s.metrics = metrics.Handler(metrics.Options{Data: data})
	putJob(t, data, job.Pending, 1, map[string]any{"name": "x.mp3"})
	if w := request(t, s, "/metrics", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "im2_queue_jobs{stage=\"pending\"} 1\n") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	if w := request(t, s, "/metrics", func(r *http.Request) { r.Host = "evil.example" }); w.Code < 400 || strings.Contains(w.Body.String(), "im2_queue_jobs") {
		t.Errorf("for another host: %d: %s", w.Code, w.Body)
	}
}
