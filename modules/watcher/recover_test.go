//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A crash is a point at which the watcher may die while it takes a file.
type crash struct {
	name string
	// until does to the new job what was done before the crash.
	until func(t *testing.T, b *bench, j *spool.Job)
	// want is where the job must be after the next start, with its file; "" for nowhere.
	want job.Stage
}

func crashes() []crash { //nolint:funlen // a table of crashes
	return []crash{
		{"the job's folder was made", func(*testing.T, *bench, *spool.Job) {}, ""},
		{"the taken folder was made", mkTaken, ""},
		{"the file was taken", taken, job.Pending},
		{"half of a copy was made", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			taken(t, b, j)
			spooltest.Put(t, j.Path(job.CopyFile), wave[:5])
		}, job.Pending},
		{"it was recorded", recorded, job.Pending},
		{"a temporary record was left", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			taken(t, b, j)
			spooltest.Put(t, j.Path(".tmp-123"), "{")
		}, job.Pending},
		{"a copy was made and recorded", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			spooltest.Put(t, j.Path(job.CopyFile), wave)
		}, job.Pending},
		{"the copy became the source", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			spooltest.Put(t, j.Path(job.SourceFile), wave)
		}, job.Pending},
		{"the file became the source", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			spooltest.Must(t, os.Rename(j.Path(job.TakenFolder, "song.wav"), j.Path(job.SourceFile)))
		}, job.Pending},
		{"all was ready to move", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			spooltest.Must(t, os.Rename(j.Path(job.TakenFolder, "song.wav"), j.Path(job.SourceFile)))
			spooltest.Must(t, os.Remove(j.Path(job.TakenFolder)))
			j.History = append(j.History, job.Visit{Stage: job.Pending})
			spooltest.Must(t, j.Save())
		}, job.Pending},
		{"a power cut put it back after an attempt failed", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			spooltest.Must(t, os.Rename(j.Path(job.TakenFolder, "song.wav"), j.Path(job.SourceFile)))
			for _, stage := range []job.Stage{job.Pending, job.Separating, job.Pending} {
				j.Arrive(job.Visit{Stage: stage}, "")
			}
			j.Error = "it crashed"
			spooltest.Must(t, j.Save())
		}, job.Pending},
		{"a power cut undid the removal of the folder", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			spooltest.Must(t, os.Rename(j.Path(job.TakenFolder, "song.wav"), j.Path(job.SourceFile)))
			spooltest.Put(t, j.Path(job.AskedFile), "{}")
			j.Arrive(job.Visit{Stage: job.Pending}, "")
			spooltest.Must(t, j.Save())
		}, job.Pending},
		{"its rejection was recorded", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			j.Error = "bad"
			j.SetRejected("song.wav")
			spooltest.Must(t, j.Save())
		}, job.Rejected},
		{"it was rejected", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			j.Error = "bad"
			j.SetRejected("song.wav")
			spooltest.Must(t, j.Save())
			spooltest.Must(t, os.Rename(j.Path(job.TakenFolder, "song.wav"), filepath.Join(b.spool.RejectedFiles(), "song.wav")))
		}, job.Rejected},
		{"its file was removed by someone", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			spooltest.Must(t, os.RemoveAll(j.Path(job.TakenFolder)))
		}, job.Failed},
		{"its record was damaged", func(t *testing.T, _ *bench, j *spool.Job) {
			t.Helper()
			spooltest.Put(t, j.Path(job.SourceFile), wave)
			spooltest.Put(t, j.Path("job.json"), "")
		}, job.Failed},
		{"its record was damaged before the file became the source", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			spooltest.Put(t, j.Path(job.CopyFile), wave)
			spooltest.Put(t, j.Path("job.json"), "{")
		}, job.Failed},
		{"its damaged record was moved away", func(t *testing.T, _ *bench, j *spool.Job) {
			t.Helper()
			spooltest.Put(t, j.Path(job.SourceFile), wave)
			spooltest.Put(t, j.Path("job.json.damaged"), "{")
		}, job.Failed},
		{"a copy alone is there", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			mkTaken(t, b, j)
			spooltest.Put(t, j.Path(job.CopyFile), wave)
		}, job.Failed},
		{"it was being set aside", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			spooltest.Put(t, j.Path("job.json"), "{")
			spooltest.Must(t, os.Remove(b.spool.StageFolder(job.Failed)))
			if j.SetAside(spool.ErrDamaged) == nil {
				t.Fatal("it was set aside to nowhere")
			}
		}, job.Failed},
	}
}

func mkTaken(t *testing.T, _ *bench, j *spool.Job) {
	t.Helper()
	spooltest.Must(t, os.Mkdir(j.Path(job.TakenFolder), place.FolderMode))
}

func taken(t *testing.T, b *bench, j *spool.Job) {
	t.Helper()
	mkTaken(t, b, j)
	spooltest.Put(t, j.Path(job.TakenFolder, "song.wav"), wave)
}

func recorded(t *testing.T, b *bench, j *spool.Job) {
	t.Helper()
	taken(t, b, j)
	j.SetName("song.wav")
	spooltest.Must(t, j.Save())
}

func TestTheNextRunTakesUpWhatACrashLeft(t *testing.T) {
	t.Parallel()
	for _, c := range crashes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before := newBench(t)
			j, err := before.spool.Create("host")
			spooltest.Must(t, err)
			c.until(t, before, j)

			b := newBenchOn(t, before.data)
			_, err = b.turn(t.Context())
			if err != nil && (c.want != job.Failed || !errors.Is(err, spool.ErrDamaged)) {
				t.Fatal(err)
			}
			if c.want == "" {
				b.wantQueue(nil)
				return
			}
			b.wantQueue(map[job.Stage]int{c.want: 1})
			after := b.oneJob(c.want)
			if len(b.held) != 0 {
				t.Errorf("held: %v", b.held)
			}
			if after.ID != j.ID {
				t.Errorf("job %s became %s", j.ID, after.ID)
			}
			switch c.want {
			case job.Pending:
				spooltest.WantNames(t, after.Dir(), "job.json", "source")
				spooltest.WantText(t, after.Path(job.SourceFile), wave)
			case job.Rejected:
				spooltest.WantNames(t, after.Dir(), "job.json")
				spooltest.WantText(t, filepath.Join(b.spool.RejectedFiles(), "song.wav"), wave)
			default:
				wantSong(t, after, c.name != "its file was removed by someone")
			}
		})
	}
}

// wantSong checks that a job has the song, under whatever name, if it should.
func wantSong(t *testing.T, j *spool.Job, want bool) {
	t.Helper()
	got := false
	for _, path := range []string{j.Path(job.SourceFile), j.Path(job.CopyFile), j.Path(job.TakenFolder, "song.wav")} {
		data, err := os.ReadFile(path)
		got = got || (err == nil && string(data) == wave)
	}
	if got != want {
		t.Errorf("the job has the song: %v; want %v", got, want)
	}
}

// A file manager leaves its own files in every folder that somebody looks into.
func TestWhatIsHiddenBesideTheSongIsPassedOver(t *testing.T) {
	t.Parallel()
	before := newBench(t)
	j, err := before.spool.Create("host")
	spooltest.Must(t, err)
	taken(t, before, j)
	spooltest.Put(t, j.Path(job.TakenFolder, ".DS_Store"), "junk")
	b := newBenchOn(t, before.data)
	b.look(0)
	after := b.oneJob(job.Pending)
	spooltest.WantText(t, after.Path(job.SourceFile), wave)
	if after.Name != "song.wav" {
		t.Errorf("name = %q", after.Name)
	}
}

func TestNothingIsGuessedWhereThereAreTwoFiles(t *testing.T) {
	t.Parallel()
	before := newBench(t)
	j, err := before.spool.Create("host")
	spooltest.Must(t, err)
	taken(t, before, j)
	spooltest.Put(t, j.Path(job.TakenFolder, "other.wav"), "other")
	b := newBenchOn(t, before.data)
	if _, err := b.turn(t.Context()); !errors.Is(err, errSeveral) {
		t.Errorf("turn = %v; want errSeveral", err)
	}
	songs := filepath.Join(b.oneFolder(job.Incoming), job.TakenFolder)
	other := filepath.Join(songs, "other.wav")
	spooltest.WantText(t, other, "other")
	spooltest.WantText(t, filepath.Join(songs, "song.wav"), wave)
	spooltest.Must(t, os.Rename(other, filepath.Join(t.TempDir(), "other.wav")))
	b.look(restFor)
	spooltest.WantText(t, b.oneJob(job.Pending).Path(job.SourceFile), wave)
}

func TestLeftoversOfADayAgoAreRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	half, song := b.input(".im2-ABC.part", wave), b.input("song.part", wave)
	temp := filepath.Join(b.spool.StageFolder(job.Incoming), ".tmp-text")
	spooltest.Put(t, temp, "")
	claim := filepath.Join(b.spool.RejectedFiles(), ".claim-0")
	spooltest.Must(t, os.Mkdir(claim, place.FolderMode))
	old := time.Now().Add(-25 * time.Hour)
	for _, path := range []string{half, song, temp, claim} {
		spooltest.Must(t, os.Chtimes(path, old, old))
	}
	young := b.input(".im2-DEF.part", wave)
	newBenchOn(t, b.data).look(0)
	spooltest.WantNames(t, b.spool.Input(), filepath.Base(young), filepath.Base(song))
	spooltest.WantNames(t, b.spool.StageFolder(job.Incoming))
	spooltest.WantNames(t, b.spool.RejectedFiles())
}

// A file server that lost its answer to a rename says to the second try that there is no such file.
func TestAFileThatWasTakenWhileTheDiskSaidOtherwiseIsNotForgotten(t *testing.T) {
	t.Parallel()
	for _, answer := range []error{syscall.ENOENT, syscall.EIO} {
		b := newBench(t)
		b.input("song.wav", wave)
		b.rename = func(from, to string) error {
			spooltest.Must(t, os.Rename(from, to))
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: answer}
		}
		b.settleAll()
		b.look(0)
		b.look(settleTime)
		b.oneJob(job.Pending)
		b.wantQueue(map[job.Stage]int{job.Pending: 1})
	}
}

// A job that cannot be seen for a moment is not one that is gone.
func TestAJobThatCannotBeSeenIsNotForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	j, err := b.spool.Create("host")
	spooltest.Must(t, err)
	taken(t, b, j)
	incoming := b.spool.StageFolder(job.Incoming)
	spooltest.Must(t, os.Rename(incoming, incoming+".away"))
	spooltest.Must(t, os.Symlink("incoming", incoming)) // It leads to itself, which is no "not there".
	if err := b.finish(t.Context(), j, heldJob{claim: j.Claim()}); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("error = %v; want ELOOP", err)
	}
	spooltest.Must(t, os.Remove(incoming))
	spooltest.Must(t, os.Rename(incoming+".away", incoming))
	b.look(restFor)
	b.oneJob(job.Pending)
}
