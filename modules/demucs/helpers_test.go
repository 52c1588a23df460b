//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/service"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/spooltest/jobtest"
	"github.com/im2-audio/im2/pipeline/weights"
	"github.com/im2-audio/im2/pipeline/weights/weightstest"
)

// A bench is a worker with a data folder, weights and fake programs.
type bench struct {
	*worker
	t   *testing.T
	log *bytes.Buffer
	// health is the path of the heartbeat.
	health string
}

// newBench makes a worker whose ffmpeg and engine behave as these names say.
func newBench(t *testing.T, ffmpeg, engine string) *bench {
	t.Helper()
	return newBenchOn(t, t.TempDir(), ffmpeg, engine, "me")
}

func newBenchOn(t *testing.T, data, ffmpeg, engine, worker string) *bench {
	t.Helper()
	cache := t.TempDir()
	s := &settings{
		engine: "onnx", model: "htdemucs", precision: weights.FP32, weights: cache, library: filepath.Join(cache, "library"),
		program: program(t, engine), ffmpeg: program(t, ffmpeg), ffprobe: program(t, "ffprobe"), longest: time.Minute,
		maxWork: defaultMaxWork,
	}
	model := weightstest.Make(t, cache, s.model, s.precision)
	spooltest.Must(t, os.WriteFile(s.library, nil, 0o600))
	made, err := newEngine(s)
	spooltest.Must(t, err)
	env, log := jobtest.Env(t, data, worker)
	b := &bench{t: t, log: log, health: filepath.Join(t.TempDir(), "health")}
	env.Health = service.NewHealth(b.health)
	b.worker = newWorker(env, s, made)
	b.models.pinned = func(name, _ string) (string, bool) { return model.Digest(), name == s.model }
	spooltest.Must(t, b.ready(t.Context()))
	return b
}

// stall sets how long ffmpeg and the engine may say nothing.
func (b *bench) stall(d time.Duration) {
	b.t.Helper()
	b.settings.stall = d
	engine, err := newEngine(b.settings)
	spooltest.Must(b.t, err)
	b.engine = engine
}

// add makes a job that waits for separation.
func (b *bench) add(name, content string) *spool.Job {
	b.t.Helper()
	j, err := b.spool.Create("watcher")
	spooltest.Must(b.t, err)
	j.SetName(name)
	spooltest.Must(b.t, os.WriteFile(j.Path(job.SourceFile), []byte(content), place.FileMode))
	spooltest.Must(b.t, j.Move(job.Pending))
	return j
}

// in loads a job that must be in this stage and no other.
func (b *bench) in(stage job.Stage, id string) *spool.Job {
	b.t.Helper()
	return jobtest.In(b.t, b.spool, stage, id)
}
