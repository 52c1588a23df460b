//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// drop puts the song into input/ under a name and has it taken.
func (b *bench) drop(name string) {
	b.t.Helper()
	b.input(name, wave)
	b.settleAll()
}

// end takes the job that waits to an end.
func (b *bench) end(how func(j *spool.Job) error) *spool.Job {
	b.t.Helper()
	j, err := b.spool.Claim(b.t.Context(), job.Pending, job.Separating, "w")
	spooltest.Must(b.t, err)
	spooltest.Must(b.t, how(j))
	return j
}

// finished makes a job done, with its stems in output/.
func (b *bench) finished() *spool.Job {
	b.t.Helper()
	return b.finishedAs("the track")
}

// finishedAs is finished, with the stems in this folder.
func (b *bench) finishedAs(track string) *spool.Job {
	b.t.Helper()
	return b.end(func(j *spool.Job) error {
		j.Track = track
		return errors.Join(os.MkdirAll(filepath.Join(b.spool.Output(), j.Track), place.FolderMode), os.Remove(j.Path(job.SourceFile)), j.Finish())
	})
}

func TestTheSameSongIsDoneOnceAndSaysSo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before func(b *bench)
		says   string
	}{
		{"it waits", func(*bench) {}, "that is under way as job "},
		{"it is being separated", func(b *bench) { _, _ = b.spool.Claim(b.t.Context(), job.Pending, job.Separating, "w") }, "that is under way as job "},
		{"it is done", func(b *bench) { b.finished() }, `whose stems are in output/the track. It was not separated a second time. ` +
			`If it should be, move it back into input/ as "copy.again.wav", or run ` + "`mage separate FILE -again`"},
		{"it is done, in an album", func(b *bench) { b.finishedAs("Band/First/01 Song") }, "whose stems are in output/Band/First/01 Song. It was not "},
	}
	for _, tt := range tests {
		for _, restarted := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, restarted), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.drop("song.wav")
				first := b.oneJob(job.Pending)
				tt.before(b)
				if restarted {
					b = newBenchOn(t, b.data)
				}
				b.drop("copy.wav")
				j := b.oneJob(job.Rejected)
				if j.DuplicateOf != first.ID || !strings.Contains(j.Error, `"copy.wav" is, byte for byte, the same song as "song.wav", `+tt.says) {
					t.Errorf("record = %+v", j.Record)
				}
				spooltest.WantNames(t, j.Dir(), "job.json")
				spooltest.WantNames(t, b.spool.RejectedFiles(), "copy.wav", "copy.wav.txt")
				spooltest.WantText(t, filepath.Join(b.spool.RejectedFiles(), "copy.wav"), wave)
			})
		}
	}
}

func TestWhatCameToNothingIsTriedAnew(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(b *bench){
		"failed":   func(b *bench) { b.end(func(j *spool.Job) error { return j.Fail(errors.New("broken")) }) },
		"rejected": func(b *bench) { b.end(func(j *spool.Job) error { return j.Reject(j.Path(job.SourceFile), "bad") }) },
		"its stems were removed": func(b *bench) {
			spooltest.Must(b.t, os.Remove(filepath.Join(b.spool.Output(), b.finished().Track)))
		},
		"its stems were removed, and not those of its album": func(b *bench) {
			j := b.finishedAs("Band/First/01 Song")
			spooltest.Must(b.t, os.Rename(filepath.Join(b.spool.Output(), j.Track), filepath.Join(b.spool.Output(), "Band/First/02 Other")))
		},
		"its artist's folder was moved away, and a link left": func(b *bench) {
			b.finishedAs("Band/First/01 Song")
			band := filepath.Join(b.spool.Output(), "Band")
			spooltest.Must(b.t, errors.Join(os.Rename(band, filepath.Join(b.data, "elsewhere")), os.Symlink("../elsewhere", band)))
		},
		"a file is in the place of its album": func(b *bench) {
			album := filepath.Join(b.spool.Output(), filepath.Dir(b.finishedAs("Band/First/01 Song").Track))
			spooltest.Must(b.t, os.RemoveAll(album))
			spooltest.Put(b.t, album, "mine")
		},
		"its job was removed": func(b *bench) { spooltest.Must(b.t, os.RemoveAll(b.oneJob(job.Pending).Dir())) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.drop("song.wav")
			before(b)
			b.drop("song.wav")
			if j := b.oneJob(job.Pending); j.DuplicateOf != "" {
				t.Errorf("record = %+v", j.Record)
			}
		})
	}
}

// Where the watcher may not look, the stems may be there.
func TestUnprivilegedStemsInAFolderThatIsShut(t *testing.T) {
	t.Parallel()
	spooltest.NeedUnprivileged(t)
	b := newBench(t)
	b.drop("song.wav")
	first := b.finishedAs("Band/First/01 Song")
	band := filepath.Join(b.spool.Output(), "Band")
	spooltest.Must(t, os.Chmod(band, 0o600))
	t.Cleanup(func() { spooltest.Must(t, os.Chmod(band, place.FolderMode)) }) // Or else the test's folder could not be removed.
	b.drop("copy.wav")
	if j := b.oneJob(job.Rejected); j.DuplicateOf != first.ID {
		t.Errorf("record = %+v", j.Record)
	}
}

func TestASongThatIsAskedForAgainIsDoneAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.drop("song.wav")
	b.drop("song.AGAIN.wav")
	jobs := b.jobs(job.Pending)
	if len(jobs) != 2 || jobs[1].Name != "song.wav" {
		t.Fatalf("jobs = %+v", jobs)
	}
	spooltest.WantNames(t, jobs[1].Dir(), "job.json", "source")
}

// A song whose stems are there is not done anew because a later try came to nothing.
func TestALaterFailureDoesNotHideTheStems(t *testing.T) {
	t.Parallel()
	for _, restarted := range []bool{false, true} {
		b := newBench(t)
		b.drop("song.wav")
		first := b.finished()
		b.drop("song.again.wav")
		b.end(func(j *spool.Job) error { return j.Fail(errors.New("broken")) })
		if restarted {
			b = newBenchOn(t, b.data)
		}
		b.drop("copy.wav")
		if j := b.oneJob(job.Rejected); j.DuplicateOf != first.ID {
			t.Errorf("record = %+v", j.Record)
		}
	}
}

func TestManyTimesTheSameSongAtOnceIsDoneOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 40 {
		b.input(fmt.Sprintf("song %d.wav", i), wave)
	}
	b.settleAll()
	b.wantQueue(map[job.Stage]int{job.Pending: 1, job.Rejected: 39})
}
