//go:build unix

package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestRejectPutsFileAndReasonUnderFreeNames(t *testing.T) {
	t.Parallel()
	long, bare := strings.Repeat("n", 251)+".mp3", strings.Repeat("n", 255)
	tests := []struct {
		name string
		// there are files that lie in rejected/ already.
		there []string
		raw   string
		file  string
		text  string
	}{
		{"plain", nil, "song.mp3", "song.mp3", "song.mp3.txt"},
		{"name taken", []string{"song.mp3"}, "song.mp3", "song (2).mp3", "song (2).mp3.txt"},
		{"text's name taken", []string{"song.mp3.txt"}, "song.mp3", "song (2).mp3", "song (2).mp3.txt"},
		{"both, twice", []string{"a", "a.txt", "a (2).txt"}, "a", "a (3)", "a (3).txt"},
		{"not UTF-8", nil, "\xff\xfe.mp3", "\xff\xfe.mp3", "\xff\xfe.mp3.txt"},
		{"newline and dash", nil, "-rf\n'\"$(x).mp3", "-rf\n'\"$(x).mp3", "-rf\n'\"$(x).mp3.txt"},
		{"255 bytes", nil, long, long, long[:251] + ".txt"},
		{"255 bytes, text's name taken", []string{long[:251] + ".txt"}, long, long[:243] + " (2).mp3", long[:243] + " (2).mp3.txt"},
		{
			"255 bytes without extension, taken twice",
			[]string{bare, bare[:247] + " (2)"},
			bare,
			bare[:247] + " (3)", bare[:247] + " (3).txt",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSpool(t)
			for _, name := range tt.there {
				spooltest.Put(t, filepath.Join(s.RejectedFiles(), name), "theirs")
			}
			j := claimed(t, s, tt.raw, "w")
			spooltest.Must(t, j.Reject(j.Path(job.SourceFile), "It is bad. Mend it."))
			wantOnlyIn(t, s, j.ID, job.Rejected)
			spooltest.WantNames(t, j.Dir(), "job.json")
			if got := readFile(t, filepath.Join(s.RejectedFiles(), tt.file)); got != "sound of "+tt.raw {
				t.Errorf("rejected file holds %q", got)
			}
			got := readFile(t, filepath.Join(s.RejectedFiles(), tt.text))
			if got != "It is bad. Mend it.\n\nJob: "+j.ID+"\n" {
				t.Errorf("reason = %q", got)
			}
			for _, name := range tt.there {
				if readFile(t, filepath.Join(s.RejectedFiles(), name)) != "theirs" {
					t.Errorf("%q was replaced", name)
				}
			}
			loaded, err := s.Load(job.Rejected, j.ID)
			if err != nil || loaded.RawRejected() != tt.file || loaded.Error != "It is bad. Mend it." {
				t.Errorf("record = %+v, %v", loaded, err)
			}
		})
	}
}

// A rejection that a crash cut off at any step is completed by doing it again.
func TestRejectCanBeRepeatedAfterACrash(t *testing.T) {
	t.Parallel()
	const reason = "It is bad."
	steps := []struct {
		name string
		// until does what was done before the crash.
		until func(t *testing.T, s *Spool, j *Job)
	}{
		{"the name was recorded", func(t *testing.T, _ *Spool, j *Job) {
			t.Helper()
			j.SetRejected("song")
			j.Error = reason
			spooltest.Must(t, j.Save())
		}},
		{"the text was put", func(t *testing.T, s *Spool, j *Job) {
			t.Helper()
			j.SetRejected("song")
			j.Error = reason
			spooltest.Must(t, j.Save())
			spooltest.Put(t, s.reasonPath("song"), j.reasonText())
		}},
		{"the file was put", func(t *testing.T, _ *Spool, j *Job) {
			t.Helper()
			j.Error = reason
			_, err := j.tryRejected(j.Path(job.SourceFile), "song")
			spooltest.Must(t, err)
		}},
		{"the job was cleared", func(t *testing.T, _ *Spool, j *Job) {
			t.Helper()
			j.Error = reason
			_, err := j.tryRejected(j.Path(job.SourceFile), "song")
			spooltest.Must(t, err)
			spooltest.Must(t, j.Clear())
		}},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			s := newSpool(t)
			j := claimed(t, s, "song", "w")
			step.until(t, s, j)
			found, err := s.Recovery("w", job.Separating).Own(job.Separating)
			spooltest.Must(t, err)
			if len(found) != 1 || found[0].To != job.Rejected {
				t.Fatalf("found %+v", found)
			}
			j, err = s.Load(job.Rejected, j.ID)
			spooltest.Must(t, err)
			spooltest.WantNames(t, s.RejectedFiles(), "song", "song.txt")
			wantOnlyIn(t, s, j.ID, job.Rejected)
			spooltest.WantNames(t, j.Dir(), "job.json")
			if j.Rejected != "song" {
				t.Errorf("rejected as %q", j.Rejected)
			}
		})
	}
}

func TestRejectMovesLinksAsTheyAre(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "link", "w")
	spooltest.Must(t, os.Symlink("/etc/passwd", j.Path("l")))
	spooltest.Must(t, j.Reject(j.Path("l"), "no links"))
	if target, err := os.Readlink(filepath.Join(s.RejectedFiles(), "link")); err != nil || target != "/etc/passwd" {
		t.Errorf("link = %q, %v", target, err)
	}
}

// People read what was rejected, and put it back into input/.
func TestRejectedFilesCanBeReadByAll(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := claimed(t, s, "song", "w")
	spooltest.Must(t, os.Chmod(j.Path(job.SourceFile), 0o600))
	spooltest.Must(t, j.Reject(j.Path(job.SourceFile), "bad"))
	info, err := os.Stat(filepath.Join(s.RejectedFiles(), "song"))
	if err != nil || info.Mode() != place.FileMode {
		t.Errorf("mode = %v, %v; want %v", info.Mode(), err, place.FileMode)
	}
}

func TestNoticeIsWrittenOnce(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	for range 3 {
		spooltest.Must(t, s.Notice("album", "It is a folder."))
	}
	spooltest.WantNames(t, s.RejectedFiles(), "album.txt")
	spooltest.Must(t, s.Notice("album", "Something else."))
	spooltest.WantNames(t, s.RejectedFiles(), "album (2).txt", "album.txt")
	spooltest.WantNames(t, s.StageFolder(job.Incoming))
}
