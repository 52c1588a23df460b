//go:build unix

package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// A crash at any step of setting a job aside leaves one that the next try completes, with the
// song and the damaged record in it.
func TestSetAsideCanBeRepeatedAfterACrash(t *testing.T) {
	t.Parallel()
	cause := errors.New("damaged")
	steps := map[string]func(t *testing.T, s *Spool, j *Job){
		"nothing was done": func(*testing.T, *Spool, *Job) {},
		"it has its second name": func(t *testing.T, _ *Spool, j *Job) {
			t.Helper()
			spooltest.Must(t, j.keepDamaged())
		},
		"the new record was written": func(t *testing.T, s *Spool, j *Job) {
			t.Helper()
			spooltest.Must(t, os.Remove(s.StageFolder(job.Failed)))
			if err := j.SetAside(cause); err == nil {
				t.Fatal("it was set aside to nowhere")
			}
			spooltest.Must(t, s.Ready())
		},
	}
	for name, until := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSpool(t)
			j := claimed(t, s, "song", "w")
			spooltest.Must(t, os.Mkdir(j.Path("taken"), place.FolderMode))
			spooltest.Put(t, j.Path("taken", "song"), "sound")
			spooltest.Put(t, j.Path("job.json"), "{damaged")
			until(t, s, j)
			if _, err := os.Lstat(j.Path("job.json")); err != nil {
				t.Errorf("there is no job.json: %v", err)
			}
			if name == "the new record was written" {
				newFinder(t, s, job.Separating).wantFound(Found{j.ID, job.Separating, job.Failed, "w"})
			} else {
				spooltest.Must(t, j.SetAside(cause))
			}
			wantOnlyIn(t, s, j.ID, job.Failed)
			dir := s.jobFolder(job.Failed, j.ID)
			spooltest.WantNames(t, dir, "job.json", "job.json.damaged", "source", "taken")
			for file, want := range map[string]string{"job.json.damaged": "{damaged", "source": "sound of song", "taken/song": "sound"} {
				if got := readFile(t, filepath.Join(dir, file)); got != want {
					t.Errorf("%s holds %q; want %q", file, got, want)
				}
			}
		})
	}
}

func TestSetAsideKeepsEveryDamagedRecord(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "w")
	spooltest.Put(t, j.Path("job.json.damaged"), "an older one")
	spooltest.Must(t, os.Remove(j.Path("job.json")))
	spooltest.Must(t, os.Mkdir(j.Path("job.json"), place.FolderMode))
	spooltest.Put(t, j.Path("job.json", "x"), "not looked at")
	_, err := s.Load(job.Separating, j.ID)
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("error = %v; want ErrDamaged", err)
	}
	spooltest.Must(t, j.SetAside(err))
	dir := s.jobFolder(job.Failed, j.ID)
	if got := readFile(t, filepath.Join(dir, "job.json.damaged (2)", "x")); got != "not looked at" {
		t.Errorf("kept %q", got)
	}
	if got := readFile(t, filepath.Join(dir, "job.json.damaged")); got != "an older one" {
		t.Errorf("kept %q", got)
	}
}

// A record that has no end fills nobody's memory: it is kept where it is, under another name.
func TestARecordThatIsTooLongIsSetAside(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := pending(t, s, "song")
	spooltest.Put(t, j.Path("job.json"), readFile(t, j.Path("job.json"))+strings.Repeat(" ", job.MostRead))
	if _, err := s.Claim(t.Context(), job.Pending, job.Separating, "w"); !errors.Is(err, ErrDamaged) {
		t.Fatalf("error = %v; want ErrDamaged", err)
	}
	wantOnlyIn(t, s, j.ID, job.Failed)
	spooltest.WantNames(t, s.jobFolder(job.Failed, j.ID), "job.json", "job.json.damaged", "source")
}

// A FIFO in the place of a lease is none, and nobody waits for it.
func TestALeaseThatIsNoFileEnds(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "lost")
	spooltest.Must(t, syscall.Mkfifo(j.Path("progress.json"), 0o600))
	newFinder(t, s, job.Separating).wantFound(Found{j.ID, job.Separating, job.Pending, "lost"})
}
