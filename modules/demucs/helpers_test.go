//go:build unix

package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/service"
	"github.com/im2-audio/im2/modules/internal/spool"
)

// A bench is a worker with a data folder, weights and fake programs.
type bench struct {
	*worker
	t   *testing.T
	log *bytes.Buffer
	// health is the path of the heartbeat.
	health string
}

// newBench makes a worker whose ffmpeg and node behave as these names say.
func newBench(t *testing.T, ffmpeg, node string) *bench {
	t.Helper()
	cache := t.TempDir()
	s := &settings{
		engine: "onnx", model: "htdemucs", weights: cache, cli: filepath.Join(cache, "cli.js"),
		node: program(t, node), ffmpeg: program(t, ffmpeg), longest: time.Minute, given: true,
	}
	must(t, os.WriteFile(filepath.Join(cache, "htdemucs.onnx"), []byte("weights"), 0o600))
	must(t, os.WriteFile(s.cli, nil, 0o600))
	engine, err := newEngine(s)
	must(t, err)
	b := &bench{t: t, log: &bytes.Buffer{}, health: filepath.Join(t.TempDir(), "health")}
	b.worker = newWorker(&service.Env{
		Data: t.TempDir(), Poll: time.Millisecond, Worker: "me",
		Log:    slog.New(slog.NewTextHandler(b.log, nil)),
		Health: service.NewHealth(b.health),
	}, s, engine)
	must(t, b.ready())
	return b
}

// add makes a job that waits for separation.
func (b *bench) add(name, content string) *spool.Job {
	b.t.Helper()
	job, err := b.spool.Create("watcher")
	must(b.t, err)
	job.SetName(name)
	must(b.t, os.WriteFile(job.Path(spool.SourceFile), []byte(content), place.FileMode))
	must(b.t, job.Move(spool.Pending))
	return job
}

// in loads a job that must be in this stage and no other.
func (b *bench) in(stage spool.Stage, id string) *spool.Job {
	b.t.Helper()
	for _, other := range spool.Stages() {
		if other != stage && place.Exists(filepath.Join(b.spool.StageFolder(other), id)) {
			b.t.Errorf("the job is in %s; want it in %s", other, stage)
		}
	}
	job, err := b.spool.Load(stage, id)
	must(b.t, err)
	return job
}

// required reports that nothing may be left out here: these are the tests' own container, where
// they run as the app user, with ffmpeg.
func required() bool { return os.Getenv("IM2_REQUIRE_FFMPEG") == "1" }

// leaveOut skips a test with the reason, or fails it where nothing may be left out.
func leaveOut(t *testing.T, format string, args ...any) {
	t.Helper()
	if required() {
		t.Fatalf("IM2_REQUIRE_FFMPEG=1 and this cannot be tested: "+format, args...)
	}
	t.Skipf("LEFT OUT: "+format, args...)
}

// needUnprivileged leaves out a test that root cannot run, since root may read everything.
func needUnprivileged(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		leaveOut(t, "what cannot be written or read, because this is root; run the tests as another user")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
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
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%s holds %q; want %q", dir, got, want)
	}
}
