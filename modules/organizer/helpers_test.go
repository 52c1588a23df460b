//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
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
	env, _ := spooltest.Env(t, data, worker)
	b := &bench{t: t, organizer: newOrganizer(env)}
	spooltest.Must(t, b.open())
	return b
}

// add makes a job with stems that waits for the organizer.
func (b *bench) add(name string, changes ...func(r *spool.Record)) *spool.Job {
	b.t.Helper()
	job, err := b.spool.Create("watcher")
	spooltest.Must(b.t, err)
	job.SetName(name)
	job.SHA256, job.DurationSeconds, job.Engine, job.Model = "abc", 1.5, "onnx", "htdemucs"
	for _, change := range changes {
		change(&job.Record)
	}
	spooltest.Put(b.t, job.Path(spool.SourceFile), "sound of "+job.ID)
	spooltest.Must(b.t, os.Mkdir(job.Path(spool.StemsFolder), place.FolderMode))
	for _, stem := range options.Recorded(job.Files) {
		spooltest.Put(b.t, job.Path(spool.StemsFolder, stem), stem+" of "+job.ID)
	}
	spooltest.Put(b.t, job.Path("progress.json"), "{}")
	spooltest.Must(b.t, job.Move(spool.Separated))
	return job
}

// wantDone checks that the job is done, and that its results are where its record says.
func (b *bench) wantDone(id string) *spool.Job {
	b.t.Helper()
	job := spooltest.In(b.t, b.spool, spool.Done, id)
	spooltest.WantNames(b.t, job.Dir(), "job.json")
	track := filepath.Join(b.spool.Output(), job.Track)
	files := options.Recorded(job.Files)
	spooltest.WantNames(b.t, track, slices.Sorted(slices.Values(append([]string{trackFile}, files...)))...)
	for _, stem := range files {
		spooltest.WantText(b.t, filepath.Join(track, stem), stem+" of "+id)
	}
	spooltest.WantText(b.t, filepath.Join(b.spool.Archive(), job.RawArchived()), "sound of "+id)
	return job
}
