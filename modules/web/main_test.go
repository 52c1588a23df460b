package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/im2-audio/im2/modules/web/server"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/notify"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/spooltest/jobtest"
)

func TestTheServiceServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	_, err := spool.Open(data)
	spooltest.Must(t, err)
	env, log := jobtest.Env(t, data, "w")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var config net.ListenConfig
	free, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	spooltest.Must(t, err)
	address := free.Addr().String()
	spooltest.Must(t, free.Close())
	done := make(chan error, 1)
	go func() { done <- run(ctx, env, address, "music.example", server.Options{}) }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/library", nil)
		spooltest.Must(t, err)
		request.Host = "music.example"
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			text, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if strings.Contains(string(text), "There is no song yet") {
				break
			}
		}
		if time.Now().After(end) {
			t.Fatalf("it does not serve: %v", err)
		}
	}
	if err := run(ctx, env, address, "", server.Options{}); err == nil || !strings.Contains(err.Error(), "-listen "+address) {
		t.Errorf("a port that is taken: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run = %v\n%s", err, log)
	}
}

// What ends while the service runs is told to the webhook, by the service itself; a receiver that fails is tried again, and
// the log says which job that is about.
func TestTheWebhookIsTold(t *testing.T) {
	data := t.TempDir()
	_, err := spool.Open(data)
	spooltest.Must(t, err)
	told := make(chan string, 10)
	var failed atomic.Bool
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		told <- r.Method + " " + string(text)
		if !failed.Swap(true) {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer receiver.Close()
	t.Setenv(notify.Setting, receiver.URL)
	env, log := jobtest.Env(t, data, "w")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready := make(chan error, 1)
	go func() { ready <- run(ctx, env, "127.0.0.1:0", "", server.Options{}) }()
	// A job that ended before it looked for the first time is not told: one after the other ends, until one is.
	for n := 0; len(told) == 0; n++ {
		id := fmt.Sprintf("20260102T030405.%06dZ-00000000", n)
		folder := filepath.Join(data, job.QueueFolder, string(job.Done), id)
		spooltest.Must(t, os.MkdirAll(folder, 0o755))
		spooltest.Must(t, os.WriteFile(filepath.Join(folder, job.RecordFile), fmt.Appendf(nil,
			`{"id": %q, "name": "song.mp3", "track": "song", "history": [{"stage": "done", "start": "2026-01-02T03:04:05Z"}]}`, id), 0o644))
		time.Sleep(100 * time.Millisecond)
	}
	first, second := <-told, <-told
	if first != second || !strings.HasPrefix(first, "POST {") || !strings.Contains(first, `"song.mp3"`) {
		t.Errorf("told %s, then %s", first, second)
	}
	cancel()
	spooltest.Must(t, <-ready)
	if !strings.Contains(log.String(), "job=20260102T030405.") || strings.Contains(log.String(), receiver.URL) {
		t.Errorf("the log has not the job, or the address:\n%s", log)
	}
}

func TestFlagsAreChecked(t *testing.T) {
	t.Parallel()
	for flags, right := range map[string]bool{
		"-hosts=": true, "-hosts=music.example": true, "-hosts=http://music.example": false,
		"-upload=on": true, "-upload=off": true, "-upload=yes": false, "-upload-max=1": true, "-upload-max=0": false, "-upload-max=9999999999": false,
	} {
		s := webService()
		set := flag.NewFlagSet("web", flag.ContinueOnError)
		s.Flags(set)
		spooltest.Must(t, set.Parse([]string{flags}))
		if err := s.Check(); (err == nil) != right {
			t.Errorf("%s: %v", flags, err)
		}
	}
}
