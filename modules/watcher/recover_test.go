//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/spool"
)

// A crash is a point at which the watcher may die while it takes a file.
type crash struct {
	name string
	// until does to the new job what was done before the crash.
	until func(t *testing.T, b *bench, job *spool.Job)
	// want is where the job must be after the next start, with its file; "" for nowhere.
	want spool.Stage
}

func crashes() []crash {
	return []crash{
		{"the job's folder was made", func(*testing.T, *bench, *spool.Job) {}, ""},
		{"the taken folder was made", mkTaken, ""},
		{"the file was taken", taken, spool.Pending},
		{"half of a copy was made", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			taken(t, b, job)
			put(t, job.Path(copyFileName), wave[:5])
		}, spool.Pending},
		{"it was recorded", recorded, spool.Pending},
		{"a temporary record was left", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			taken(t, b, job)
			put(t, job.Path(".tmp-123"), "{")
		}, spool.Pending},
		{"a copy was made and recorded", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			recorded(t, b, job)
			put(t, job.Path(copyFileName), wave)
		}, spool.Pending},
		{"the copy became the source", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			recorded(t, b, job)
			put(t, job.Path(spool.SourceFile), wave)
		}, spool.Pending},
		{"the file became the source", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			recorded(t, b, job)
			must(t, os.Rename(job.Path(takenFolder, "song.wav"), job.Path(spool.SourceFile)))
		}, spool.Pending},
		{"all was ready to move", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			recorded(t, b, job)
			must(t, os.Rename(job.Path(takenFolder, "song.wav"), job.Path(spool.SourceFile)))
			must(t, job.Keep(spool.SourceFile))
			job.History = append(job.History, spool.Visit{Stage: spool.Pending})
			must(t, job.Save())
		}, spool.Pending},
		{"its rejection was recorded", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			recorded(t, b, job)
			job.Error = "bad"
			job.SetRejected("song.wav")
			must(t, job.Save())
		}, spool.Rejected},
		{"it was rejected", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			recorded(t, b, job)
			job.Error = "bad"
			job.SetRejected("song.wav")
			must(t, job.Save())
			must(t, os.Rename(job.Path(takenFolder, "song.wav"), filepath.Join(b.spool.RejectedFiles(), "song.wav")))
		}, spool.Rejected},
		{"its file was removed by someone", func(t *testing.T, b *bench, job *spool.Job) {
			t.Helper()
			recorded(t, b, job)
			must(t, os.RemoveAll(job.Path(takenFolder)))
		}, spool.Failed},
		{"its record was damaged", func(t *testing.T, _ *bench, job *spool.Job) {
			t.Helper()
			put(t, job.Path(spool.SourceFile), wave)
			put(t, job.Path("job.json"), "")
		}, spool.Failed},
	}
}

func mkTaken(t *testing.T, _ *bench, job *spool.Job) {
	t.Helper()
	must(t, os.Mkdir(job.Path(takenFolder), place.FolderMode))
}

func taken(t *testing.T, b *bench, job *spool.Job) {
	t.Helper()
	mkTaken(t, b, job)
	put(t, job.Path(takenFolder, "song.wav"), wave)
}

func recorded(t *testing.T, b *bench, job *spool.Job) {
	t.Helper()
	taken(t, b, job)
	job.SetName("song.wav")
	must(t, job.Save())
}

func put(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), place.FileMode))
}

func TestTheNextRunTakesUpWhatACrashLeft(t *testing.T) {
	t.Parallel()
	for _, c := range crashes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before := newBench(t)
			job, err := before.spool.Create("host")
			must(t, err)
			c.until(t, before, job)

			b := newBenchOn(t, before.data)
			_, err = b.turn(t.Context())
			if err != nil && c.name != "its record was damaged" {
				t.Fatal(err)
			}
			if c.want == "" {
				b.wantQueue(nil)
				return
			}
			b.wantQueue(map[spool.Stage]int{c.want: 1})
			after := b.oneJob(c.want)
			if after.ID != job.ID {
				t.Errorf("job %s became %s", job.ID, after.ID)
			}
			switch c.want {
			case spool.Pending:
				wantNames(t, after.Dir(), "job.json", "source")
				wantText(t, after.Path(spool.SourceFile), wave)
			case spool.Rejected:
				wantNames(t, after.Dir(), "job.json")
				wantText(t, filepath.Join(b.spool.RejectedFiles(), "song.wav"), wave)
			default:
			}
		})
	}
}
