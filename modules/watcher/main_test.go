//go:build unix

package main

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/lease"
	"github.com/im2-audio/im2/pipeline/service"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestTheServiceTakesASongAndStops(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := watcherService()
	flags := flag.NewFlagSet("watcher", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	s.Flags(flags)
	spooltest.Must(t, flags.Parse([]string{"-settle", "1ms"}))
	spooltest.Must(t, s.Check())
	sp, err := spool.Open(data)
	spooltest.Must(t, err)
	spooltest.Must(t, os.WriteFile(filepath.Join(sp.Input(), "song.wav"), []byte(wave), 0o600))

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	env := &service.Env{
		Data: data, Poll: 5 * time.Millisecond, Worker: "host", Times: lease.Default, Log: slog.New(slog.DiscardHandler),
		Health: service.NewHealth(filepath.Join(t.TempDir(), "health")),
	}
	done := make(chan error)
	go func() { done <- s.Run(ctx, env) }()
	for ctx.Err() == nil {
		if ids, err := sp.List(job.Pending); err != nil || len(ids) == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if ctx.Err() != nil {
		t.Error("the song was not taken")
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestANegativeSettleTimeIsRefused(t *testing.T) {
	t.Parallel()
	s := watcherService()
	flags := flag.NewFlagSet("watcher", flag.ContinueOnError)
	s.Flags(flags)
	spooltest.Must(t, flags.Parse([]string{"-settle", "-1s"}))
	if s.Check() == nil {
		t.Error("-settle -1s was accepted")
	}
}
