//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/spool"
	"github.com/im2-audio/im2/modules/internal/spooltest"
)

func TestStemsAndOriginalGoWherePeopleFindThem(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.add("My Song.mp3").ID
	busy, err := b.turn(t.Context())
	if !busy || err != nil {
		t.Fatalf("turn = %v, %v", busy, err)
	}
	job := b.wantDone(id)
	if job.Track != "My Song" || job.Archived != "My Song.mp3" {
		t.Errorf("track %q, archived %q", job.Track, job.Archived)
	}
	data, err := os.ReadFile(filepath.Join(b.spool.Output(), "My Song", "track.json"))
	spooltest.Must(t, err)
	var got map[string]any
	spooltest.Must(t, json.Unmarshal(data, &got))
	for key, want := range map[string]any{
		"job": id, "track": "My Song", "source": "My Song.mp3", "sha256": "abc",
		"duration_seconds": 1.5, "engine": "onnx", "model": "htdemucs",
	} {
		if got[key] != want {
			t.Errorf("track.json: %s = %v; want %v", key, got[key], want)
		}
	}
	if fmt.Sprint(got["stems"]) != "[vocals.wav drums.wav bass.wav other.wav]" || got["finished"] == nil || got["created"] == nil {
		t.Errorf("track.json = %s", data)
	}
	if timings, ok := got["timings"].(map[string]any); !ok || timings["separated"] == nil || timings["organizing"] == nil {
		t.Errorf("timings = %v", got["timings"])
	}
	wantModes(t, filepath.Join(b.spool.Output(), "My Song"))
	if busy, err := b.turn(t.Context()); busy || err != nil {
		t.Errorf("turn without a job = %v, %v", busy, err)
	}
}

func wantModes(t *testing.T, root string) {
	t.Helper()
	spooltest.Must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		want := place.FileMode
		if d.IsDir() {
			want = place.FolderMode
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v; want %v", path, info.Mode(), err, want)
		}
		return nil
	}))
}

func TestSongsOfOneNameNeverOverwriteEachOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	spooltest.Put(t, filepath.Join(b.spool.Archive(), "song.mp3"), "someone's")
	spooltest.Must(t, os.Mkdir(filepath.Join(b.spool.Output(), "song"), place.FolderMode))
	var tracks, archived []string
	for _, name := range []string{"song.mp3", "song.mp3", "song.flac"} {
		id := b.add(name).ID
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		job := b.wantDone(id)
		tracks, archived = append(tracks, job.Track), append(archived, job.Archived)
	}
	if got := strings.Join(tracks, "|"); got != "song (2)|song (3)|song (4)" {
		t.Errorf("tracks = %s", got)
	}
	if got := strings.Join(archived, "|"); got != "song (2).mp3|song (3).mp3|song.flac" {
		t.Errorf("archived = %s", got)
	}
	spooltest.WantText(t, filepath.Join(b.spool.Archive(), "song.mp3"), "someone's")
	spooltest.WantNames(t, filepath.Join(b.spool.Output(), "song"))
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{
		"-rf.mp3", "a\nb.mp3", "\xff\xfe.mp3", `"'$(x)` + "`.mp3", "...", strings.Repeat("n", 251) + ".mp3", "..\\x.mp3",
	} {
		id := b.add(name).ID
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		if job := b.wantDone(id); job.RawArchived() != name {
			t.Errorf("%q was archived as %q", name, job.RawArchived())
		}
	}
}

func TestTwoOrganizersGiveEachTrackItsOwnFolder(t *testing.T) {
	t.Parallel()
	const songs = 30
	first := newBench(t)
	second := newBenchAs(t, first.env.Data, "you")
	ids := make([]string, 0, songs)
	for range songs {
		ids = append(ids, first.add("song.mp3").ID)
	}
	var wg sync.WaitGroup
	for _, b := range []*bench{first, second} {
		wg.Go(func() {
			for busy := true; busy; {
				var err error
				if busy, err = b.turn(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		first.wantDone(id)
	}
}

func TestTheServiceWorksUntilItIsStopped(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.add("song.mp3").ID
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	done := make(chan error)
	go func() { done <- organizerService().Run(ctx, b.env) }()
	for ctx.Err() == nil && !place.Exists(filepath.Join(b.spool.StageFolder(spool.Done), id)) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	spooltest.Must(t, <-done)
	b.wantDone(id)
}
