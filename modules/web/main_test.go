package main

import (
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/modules/web/server"
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
