//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/spooltest/jobtest"
)

var digest = strings.Repeat("ab", 32)

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
	env, _ := jobtest.Env(t, data, worker)
	b := &bench{t: t, organizer: newOrganizer(env, "")}
	spooltest.Must(t, b.open())
	return b
}

// add makes a job with stems that waits for the organizer.
func (b *bench) add(name string, changes ...func(r *job.Record)) *spool.Job {
	b.t.Helper()
	j, err := b.spool.Create("watcher")
	spooltest.Must(b.t, err)
	j.SetName(name)
	j.SHA256, j.DurationSeconds, j.Engine, j.Model = digest, 1.5, "onnx", "htdemucs"
	for _, change := range changes {
		change(&j.Record)
	}
	spooltest.Put(b.t, j.Path(job.SourceFile), "sound of "+j.ID)
	spooltest.Must(b.t, os.Mkdir(j.Path(job.StemsFolder), place.FolderMode))
	for _, stem := range filesOf(j) {
		spooltest.Put(b.t, j.Path(job.StemsFolder, stem), stem+" of "+j.ID)
	}
	spooltest.Put(b.t, j.Path("progress.json"), "{}")
	spooltest.Must(b.t, j.Move(job.Separated))
	return j
}

// filesOf are the files that come with a job's stems.
func filesOf(j *spool.Job) []string {
	files := options.Recorded(j.Files)
	if j.Cover != "" {
		files = append(slices.Clone(files), j.Cover)
	}
	return files
}

// wantDone checks that the job is done, and that its results are where its record says.
func (b *bench) wantDone(id string) *spool.Job {
	b.t.Helper()
	j := jobtest.In(b.t, b.spool, job.Done, id)
	spooltest.WantNames(b.t, j.Dir(), "job.json")
	track := filepath.Join(b.spool.Output(), j.Track)
	files := filesOf(j)
	spooltest.WantNames(b.t, track, slices.Sorted(slices.Values(append([]string{job.TrackFile}, files...)))...)
	for _, stem := range files {
		spooltest.WantText(b.t, filepath.Join(track, stem), stem+" of "+id)
	}
	spooltest.WantText(b.t, filepath.Join(b.spool.Archive(), j.RawArchived()), "sound of "+id)
	return j
}
