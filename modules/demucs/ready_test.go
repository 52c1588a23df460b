//go:build unix

package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// While a disk stays full, health says so all the time, also while a job is tried again.
func TestHealthDoesNotFlickerOnAFullDisk(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	b.createFile = fullDisk
	b.add("song.mp3", "sound")
	_, err := b.turn(t.Context())
	spooltest.Must(t, b.env.Health.Set(err)) // As the loop does.
	told := ""
	stop := make(chan struct{})
	seen := make(chan string)
	go func() {
		for {
			select {
			case <-stop:
				seen <- told
				return
			default:
				if data, err := os.ReadFile(b.health); err == nil && string(data) == "ok\n" {
					told = "ok"
				}
			}
		}
	}()
	for range 3 {
		if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("turn = %v; want ENOSPC", err)
		}
	}
	close(stop)
	if told := <-seen; told != "" {
		t.Error("health said ok while the disk was full")
	}
	b.createFile = place.Create
	_, _ = b.turn(t.Context())
	if data, err := os.ReadFile(b.health); err != nil || string(data) != "ok\n" {
		t.Errorf("health = %q, %v; want ok once there was room", data, err)
	}
}

func TestAWorkerThatLacksSomethingClaimsNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		take func(t *testing.T, b *bench)
		want string
	}{
		{"engine", func(t *testing.T, b *bench) { t.Helper(); spooltest.Must(t, os.Remove(b.settings.program)) }, "the separation engine is missing"},
		{"library", func(t *testing.T, b *bench) { t.Helper(); spooltest.Must(t, os.Remove(b.settings.library)) }, "the separation engine is missing"},
		{"ffmpeg", func(_ *testing.T, b *bench) { b.settings.ffmpeg = "/none/ffmpeg" }, "ffmpeg is missing"},
		{"ffprobe", func(_ *testing.T, b *bench) { b.settings.ffprobe = "/none/ffprobe" }, "ffprobe is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "ffmpeg", "engine")
			tt.take(t, b)
			id := b.add("song", "sound").ID
			if _, err := b.turn(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("turn = %v; want %q", err, tt.want)
			}
			b.in(job.Pending, id)
		})
	}
}
