//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/spooltest/jobtest"
)

// Whoever can write into queue/incoming/ can leave jobs there that nobody can finish. They delay no song, lead nowhere, and
// end where a person finds them, with everything that they had.
func TestAJobThatCannotBeFinishedIsGivenUp(t *testing.T) {
	t.Parallel()
	before := newBench(t)
	outside := t.TempDir()
	spooltest.Put(t, filepath.Join(outside, "secret.wav"), wave)
	bad := map[string]string{} // What it is, by the ID.
	for what, forge := range forgedJobs(outside) {
		j, err := before.spool.Create("host")
		spooltest.Must(t, err)
		forge(t, before, j)
		bad[j.ID] = what
	}
	b := newBenchOn(t, before.data)
	b.input("good.wav", wave+"good")
	later := settleTime
	for range 2 {
		_, err := b.turn(t.Context())
		if spool.StopsAll(err) {
			t.Error(err)
		}
		b.clock = b.clock.Add(later)
		later = restFor
	}
	ids, err := b.spool.List(job.Pending)
	spooltest.Must(t, err)
	if good := slices.DeleteFunc(ids, func(id string) bool { return bad[id] != "" }); len(good) != 1 {
		t.Errorf("of the good song there is %q in pending/", good)
	}
	for range spool.MaxAttempts {
		_, _ = b.turn(t.Context())
		b.clock = b.clock.Add(restFor)
	}
	b.look(0)
	if len(b.held) != 0 {
		t.Errorf("held: %+v", b.held)
	}
	for id, what := range bad {
		jobtest.WantGivenUp(t, b.spool, id, what)
	}
	spooltest.WantNames(t, outside, "secret.wav")
	spooltest.WantText(t, filepath.Join(outside, "secret.wav"), wave)
}

type forgery func(t *testing.T, b *bench, j *spool.Job)

func forgedJobs(outside string) map[string]forgery {
	instead := func(first forgery, put func(path string) error, elem ...string) forgery {
		return func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			first(t, b, j)
			spooltest.Must(t, os.RemoveAll(j.Path(elem...)))
			spooltest.Must(t, put(j.Path(elem...)))
		}
	}
	link := func(path string) error { return os.Symlink(filepath.Join(outside, "secret.wav"), path) }
	linkToFolder := func(path string) error { return os.Symlink(outside, path) }
	fifo := func(path string) error { return syscall.Mkfifo(path, 0o644) }
	socket := func(path string) error { return syscall.Mknod(path, syscall.S_IFSOCK|0o644, 0) }
	file := func(path string) error { return os.WriteFile(path, []byte("x"), place.FileMode) }
	folder := func(path string) error {
		if err := os.Mkdir(path, place.FolderMode); err != nil {
			return err
		}
		return file(filepath.Join(path, "file"))
	}
	return map[string]forgery{
		"two files":             instead(taken, file, job.TakenFolder, "other.wav"),
		"a file for a folder":   instead(taken, file, job.TakenFolder),
		"a link for a folder":   instead(taken, linkToFolder, job.TakenFolder),
		"a folder for the song": instead(taken, folder, job.TakenFolder, "song.wav"),
		"a link for the song":   instead(taken, link, job.TakenFolder, "song.wav"),
		"a FIFO for the song":   instead(taken, fifo, job.TakenFolder, "song.wav"),
		"a socket for the song": instead(taken, socket, job.TakenFolder, "song.wav"),
		"a folder with options": instead(taken, folder, job.AskedFile),
		"a FIFO with options":   instead(taken, fifo, job.AskedFile),
		"a FIFO for the record": instead(taken, fifo, job.RecordFile),
		"a link for the record": instead(taken, link, job.RecordFile),
		"a folder for record":   instead(taken, folder, job.RecordFile),
		"rejected without song": rejectedWithoutSong,
		"its name is in pending/": func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			recorded(t, b, j)
			spooltest.Must(t, folder(filepath.Join(b.spool.StageFolder(job.Pending), j.ID)))
		},
	}
}

func rejectedWithoutSong(t *testing.T, b *bench, j *spool.Job) {
	t.Helper()
	recorded(t, b, j)
	j.Error = "bad"
	spooltest.Must(t, j.Save())
	spooltest.Must(t, os.RemoveAll(j.Path(job.TakenFolder)))
}

// Which of two files the song is nobody can tell: both are kept, and the message says what to do.
func TestBothFilesOfAJobThatIsGivenUpAreKept(t *testing.T) {
	t.Parallel()
	before := newBench(t)
	j, err := before.spool.Create("host")
	spooltest.Must(t, err)
	taken(t, before, j)
	spooltest.Put(t, j.Path(job.TakenFolder, "other.wav"), "other")
	b := newBenchOn(t, before.data)
	for range spool.MaxAttempts {
		_, _ = b.turn(t.Context())
		b.clock = b.clock.Add(restFor)
	}
	after := b.oneJob(job.Failed)
	spooltest.WantText(t, after.Path(job.TakenFolder, "other.wav"), "other")
	spooltest.WantText(t, after.Path(job.TakenFolder, "song.wav"), wave)
	if after.Name != j.ID || !strings.Contains(after.Error, `move them to input/: "other.wav" and "song.wav"; what the job has is in queue/failed/`+j.ID) {
		t.Errorf("name %q, error %q", after.Name, after.Error)
	}
}
