//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestTheServiceSaysWhatIsMissingAndGoesOnOnceItIsThere(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	weights := filepath.Join(b.settings.weights, "htdemucs-fp32")
	spooltest.Must(t, os.Rename(weights, weights+".part"))
	b.add("song.mp3", "sound")

	// What demucsService does with these settings.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error)
	go func() { done <- b.env.Loop(ctx, b.turn) }()
	waitForHealth(ctx, t, b, "run `mage demucs-cache`")
	spooltest.Must(t, os.Rename(weights+".part", weights))
	waitForHealth(ctx, t, b, "ok")
	cancel()
	spooltest.Must(t, <-done)
}

// waitForHealth waits until the heartbeat contains a text.
func waitForHealth(ctx context.Context, t *testing.T, b *bench, want string) {
	t.Helper()
	var last []byte
	for ctx.Err() == nil {
		data, err := os.ReadFile(b.health)
		if err == nil && strings.Contains(string(data), want) {
			return
		}
		last = data
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("health = %q; want %q", last, want)
}

func TestRunNeedsAnEngine(t *testing.T) {
	t.Parallel()
	s := demucsService()
	if err := s.Run(t.Context(), nil); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("Run without an engine = %v", err)
	}
}
