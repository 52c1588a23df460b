//go:build unix

package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
)

// A receiver answers with one status after the other, the last one for ever, and keeps what it was sent.
type receiver struct {
	mu       sync.Mutex
	statuses []int
	bodies   []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var body bytes.Buffer
	_, _ = body.ReadFrom(q.Body)
	r.bodies = append(r.bodies, q.Method+" "+q.Header.Get("Content-Type")+" "+body.String())
	status := r.statuses[0]
	if len(r.statuses) > 1 {
		r.statuses = r.statuses[1:]
	}
	w.Header().Set("Location", "http://elsewhere.invalid/")
	w.WriteHeader(status)
}

func put(t *testing.T, data string, stage job.Stage, n int, more string) (id string) {
	t.Helper()
	id = fmt.Sprintf("20260102T030405.%06dZ-00000000", n)
	dir := filepath.Join(data, "queue", string(stage), id)
	text := fmt.Sprintf(`{"id": %q, "name": "song.mp3", "attempt": 2 %s, "history": [{"stage": %q, "start": "2026-01-02T03:04:05Z"}]}`, id, more, stage)
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "job.json"), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return id
}

func newNotifier(t *testing.T, statuses ...int) (n *Notifier, r *receiver, data string, log *bytes.Buffer) {
	t.Helper()
	data, log, r = t.TempDir(), &bytes.Buffer{}, &receiver{statuses: statuses}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	n = New(data, server.URL+"/hook/s3cret?token=s3cret", slog.New(slog.NewTextHandler(log, nil)))
	if err := n.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n, r, data, log
}

func TestWhatEndsIsTold(t *testing.T) {
	t.Parallel()
	n, r, data, log := newNotifier(t, 204)
	done := put(t, data, job.Done, 1, `, "track": "song", "duration_seconds": 12`)
	failed := put(t, data, job.Failed, 2, `, "track": "song", "error": "it crashed"`)
	put(t, data, job.Rejected, 3, "")
	put(t, data, job.Pending, 4, "")
	for range 2 { // Each is told once.
		if err := n.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		for len(n.waiting) > 0 {
			if !n.first(t.Context()) {
				t.Fatal("it was not taken")
			}
		}
	}
	var events []Event
	for _, body := range r.bodies {
		var e Event
		if err := json.Unmarshal([]byte(strings.TrimPrefix(body, "POST application/json ")), &e); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		events = append(events, e)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if len(events) != 2 || events[0] != (Event{"done", done, "song.mp3", "song", "", 2, 12, at}) || events[1] != (Event{"failed", failed, "song.mp3", "", "it crashed", 2, 0, at}) {
		t.Errorf("events = %+v", events)
	}
	if log.Len() > 0 {
		t.Errorf("log: %s", log)
	}
}

// What ended before is not told, what the receiver does not take is tried again, and its address is in no line.
func TestAReceiverThatFails(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	put(t, data, job.Done, 1, "")
	n, r, data2, log := newNotifier(t, 500, 429, 302)
	old := New(data, n.url, n.log)
	if err := errors.Join(old.look(t.Context()), old.look(t.Context())); err != nil || len(old.waiting) != 0 {
		t.Errorf("of what ended before, %d wait, %v", len(old.waiting), err)
	}
	id := put(t, data2, job.Done, 1, "")
	if err := n.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, false, true} { // A redirection is refused for good.
		if got := n.first(t.Context()); got != want {
			t.Errorf("try %d: %v", i, got)
		}
	}
	n.url = "http://s3cret:s3cret@127.0.0.1:1/s3cret"
	put(t, data2, job.Done, 2, "")
	if err := n.look(t.Context()); err != nil || n.first(t.Context()) {
		t.Errorf("a receiver that is away took it, %v", err)
	}
	n.waiting[0].since = time.Now().Add(-giveUpAfter)
	if !n.first(t.Context()) || len(n.waiting) > 0 {
		t.Error("it is tried for ever")
	}
	if text := log.String(); strings.Contains(text, "s3cret") || !strings.Contains(text, "job="+id) || !strings.Contains(text, "it answers 302") || strings.Count(text, "was not told") != 2 {
		t.Errorf("log: %s", text)
	}
	if len(r.bodies) != 3 {
		t.Errorf("%d requests", len(r.bodies))
	}
}

func TestTooManyWait(t *testing.T) {
	t.Parallel()
	n, _, data, log := newNotifier(t, 200)
	n.waiting = make([]waiting, mostWaiting)
	id := put(t, data, job.Done, 1, "")
	if err := n.look(t.Context()); err != nil || len(n.waiting) != mostWaiting || n.waiting[mostWaiting-1].event.Job != id || !strings.Contains(log.String(), "too many") {
		t.Errorf("%d wait, %v: %s", len(n.waiting), err, log)
	}
}

func TestRunEnds(t *testing.T) {
	t.Parallel()
	n, r, data, _ := newNotifier(t, 500, 200)
	put(t, data, job.Done, 1, "")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); n.Run(ctx) }()
	for sent := 0; sent < 2; time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		sent = len(r.bodies)
		r.mu.Unlock()
	}
	stop()
	<-ended
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "http://192.0.2.1:8000", "http://host.docker.internal:8000/", "https://example.com/hook?token=x"} {
		if err := CheckURL(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"s3cret", "ftp://s3cret", "https://", "https:///s3cret", "http://s3cret\n", "file:///s3cret", "https://s3cret/" + strings.Repeat("x", mostURL),
		"http://127.0.0.1:8000/s3cret", "http://[::1]/s3cret", "https://LocalHost:8000/s3cret",
	} {
		if err := CheckURL(bad); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
