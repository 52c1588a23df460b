//go:build unix

package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/service"
	"github.com/im2-audio/im2/modules/internal/spool"
)

// A bench is an organizer with a data folder.
type bench struct {
	*organizer
	t *testing.T
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return newBenchOn(t, t.TempDir())
}

func newBenchOn(t *testing.T, data string) *bench {
	t.Helper()
	return newBenchAs(t, data, "me")
}

func newBenchAs(t *testing.T, data, worker string) *bench {
	t.Helper()
	b := &bench{t: t, organizer: newOrganizer(&service.Env{
		Data: data, Poll: time.Millisecond, Worker: worker,
		Log:    slog.New(slog.DiscardHandler),
		Health: service.NewHealth(filepath.Join(t.TempDir(), "health")),
	})}
	must(t, b.open())
	return b
}

// add makes a job with stems that waits for the organizer.
func (b *bench) add(name string) *spool.Job {
	b.t.Helper()
	job, err := b.spool.Create("watcher")
	must(b.t, err)
	job.SetName(name)
	job.SHA256, job.DurationSeconds, job.Engine, job.Model = "abc", 1.5, "onnx", "htdemucs"
	put(b.t, job.Path(spool.SourceFile), "sound of "+job.ID)
	must(b.t, os.Mkdir(job.Path(spool.StemsFolder), place.FolderMode))
	for _, stem := range stemFiles() {
		put(b.t, job.Path(spool.StemsFolder, stem), stem+" of "+job.ID)
	}
	put(b.t, job.Path("progress.json"), "{}")
	must(b.t, job.Move(spool.Separated))
	return job
}

// wantDone checks that the job is done, and that its results are where its record says.
func (b *bench) wantDone(id string) *spool.Job {
	b.t.Helper()
	for _, stage := range spool.Stages() {
		if stage != spool.Done && place.Exists(filepath.Join(b.spool.StageFolder(stage), id)) {
			b.t.Errorf("the job is in %s; want it done", stage)
		}
	}
	job, err := b.spool.Load(spool.Done, id)
	must(b.t, err)
	wantNames(b.t, job.Dir(), "job.json")
	track := filepath.Join(b.spool.Output(), job.Track)
	wantNames(b.t, track, "bass.wav", "drums.wav", "other.wav", "track.json", "vocals.wav")
	for _, stem := range stemFiles() {
		wantText(b.t, filepath.Join(track, stem), stem+" of "+id)
	}
	wantText(b.t, filepath.Join(b.spool.Archive(), job.RawArchived()), "sound of "+id)
	return job
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), place.FileMode))
}

func wantText(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	got := make([]string, 0, len(entries))
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%s holds %q; want %q", dir, got, want)
	}
}
