//go:build unix

package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// organizing makes a job with stems that an organizer has.
func organizing(t *testing.T, s *Spool) *Job {
	t.Helper()
	j := claimed(t, s, "a.mp3", "worker")
	spooltest.Must(t, j.Mkdir(job.StemsFolder))
	spooltest.Put(t, j.Path(job.StemsFolder, "vocals.wav"), "sound")
	spooltest.Must(t, j.Move(job.Separated))
	j, err := s.Claim(t.Context(), job.Separated, job.Organizing, "organizer")
	spooltest.Must(t, err)
	return j
}

// describe is what an organizer does: what is written is in the stems when they are moved.
func describe(j *Job) func() error {
	return func() error { return j.Write([]byte(j.Track), job.StemsFolder, job.TrackFile) }
}

// wantOut checks that the stems of a job are where its record says, and nowhere else.
func wantOut(t *testing.T, s *Spool, j *Job, want string) {
	t.Helper()
	on, err := s.Load(job.Organizing, j.ID)
	spooltest.Must(t, err)
	if j.Track != want || on.Track != want {
		t.Errorf("track %q, in the record %q; want %q", j.Track, on.Track, want)
	}
	if got := readFile(t, filepath.Join(s.Output(), want, job.TrackFile)); got != want {
		t.Errorf("track.json says %q; want %q", got, want)
	}
	spooltest.WantNames(t, filepath.Join(s.Output(), want), job.TrackFile, "vocals.wav")
	if place.Exists(j.Path(job.StemsFolder)) {
		t.Errorf("%s has its stems", j.Dir())
	}
}

// emptyIn are the folders in output/ that are empty.
func emptyIn(t *testing.T, s *Spool) (empty []string) {
	t.Helper()
	spooltest.Must(t, filepath.WalkDir(s.Output(), func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(s.Output(), path)
		if entries, _ := os.ReadDir(path); err == nil && d.IsDir() && len(entries) == 0 {
			empty = append(empty, rel)
		}
		return err
	}))
	return empty
}

func TestWhichFolderASongGets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		// there is in output/ already: folders end in a slash, and links have an arrow.
		there         []string
		folders, want string
	}{
		{nil, "Song", "Song"},
		{[]string{"song/track.json"}, "Song", "Song (2)"},
		{[]string{"Song/First/01 x/track.json"}, "Song", "Song (2)"}, // an artist of that name
		{[]string{"Song/"}, "Song", "Song (2)"},
		{nil, "Band/First/01 Song", "Band/First/01 Song"},
		{[]string{"Band/First/01 Song/track.json"}, "Band/First/01 Song", "Band/First/01 Song (2)"},
		{[]string{"Band/First/01 SONG/", "Band/First/01 Song (2)"}, "Band/First/01 Song", "Band/First/01 Song (3)"},
		{[]string{"Band/Second/01 Song/track.json"}, "Band/First/01 Song", "Band/First/01 Song"},
		// What other systems take for one folder.
		{[]string{"BAND/first/01 Other/track.json"}, "Band/First/01 Song", "BAND/first/01 Song"},
		{[]string{"A\u0308rger/First/"}, "\u00c4rger/First/01 Song", "A\u0308rger/First/01 Song"},
		{[]string{"\u00c4rger/First/01 A\u0308/track.json"}, "a\u0308rger/First/01 \u00c4", "\u00c4rger/First/01 \u00c4 (2)"},
		{[]string{"BAND/", "Band/", "band/"}, "Band/First/01 Song", "Band/First/01 Song"},
		// What is no folder for songs.
		{[]string{"Band/track.json"}, "Band/First/01 Song", "Band (2)/First/01 Song"},
		{[]string{"band/track.json", "BAND/Second/"}, "Band/Second/01 Song", "BAND/Second/01 Song"},
		{[]string{"Band/track.json", "Band (2)/First/track.json"}, "Band/First/01 Song", "Band (2)/First (2)/01 Song"},
		{[]string{"Band"}, "Band/First/01 Song", "Band (2)/First/01 Song"},
		{[]string{"Band->.."}, "Band/First/01 Song", "Band (2)/First/01 Song"},
		{[]string{"Band/First"}, "Band/First/01 Song", "Band/First (2)/01 Song"},
		{[]string{"Band/First->nowhere"}, "Band/First/01 Song", "Band/First (2)/01 Song"},
		{[]string{"Band/First/track.json"}, "Band/First/01 Song", "Band/First (2)/01 Song"},
		{[]string{strings.Repeat("ä", 100) + "/track.json"}, strings.Repeat("ä", 100) + "/First/x", strings.Repeat("ä", 98) + " (2)/First/x"},
	}
	for _, tt := range tests {
		s := newSpool(t)
		for _, there := range tt.there {
			name, to, link := strings.Cut(there, "->")
			path := filepath.Join(s.Output(), name)
			spooltest.Must(t, os.MkdirAll(filepath.Dir(path), place.FolderMode))
			switch {
			case link:
				spooltest.Must(t, os.Symlink(to, path))
			case strings.HasSuffix(name, "/"):
				spooltest.Must(t, os.Mkdir(path, place.FolderMode))
			default:
				spooltest.Put(t, path, "")
			}
		}
		j := organizing(t, s)
		if err := j.Publish(strings.Split(tt.folders, "/"), describe(j)); err != nil {
			t.Errorf("%s beside %q: %v", tt.folders, tt.there, err)
			continue
		}
		wantOut(t, s, j, tt.want)
	}
}

// Where a song was about to be put, it is put by the next organizer, too: also if the setting was changed meanwhile.
func TestASongStaysWhereItWasAboutToBePut(t *testing.T) {
	t.Parallel()
	for decided, there := range map[string][2]string{
		"a":                 {"", "a"},
		"Band/First/01 a":   {"", "Band/First/01 a"},
		"Band/Second/01 a":  {"Band/Second/01 a/track.json", "Other/Album/a"},
		"Band/Second/01 b":  {"Band/track.json", "Other/Album/a"},
		"Band/Second/01 c":  {"Band/Second", "Other/Album/a"},
		"Other/Album/a (2)": {"Other/track.json", "Other (2)/Album/a"},
	} {
		s := newSpool(t)
		if there[0] != "" {
			path := filepath.Join(s.Output(), there[0])
			spooltest.Must(t, os.MkdirAll(filepath.Dir(path), place.FolderMode))
			spooltest.Put(t, path, "another's")
		}
		j := organizing(t, s)
		j.Track = decided
		spooltest.Must(t, j.Save())
		spooltest.Must(t, j.Publish([]string{"Other", "Album", "a"}, describe(j)))
		wantOut(t, s, j, there[1])
	}
}

// A meddling disk calls before for each Mkdir and RenameNew of output/, which gives no error then if it returns nil.
type meddling struct {
	place.Disk
	output string
	before func(path string) error
}

func (m *meddling) Mkdir(path string) error {
	if err := m.meddle(path); err != nil {
		return err
	}
	return m.Disk.Mkdir(path)
}

func (m *meddling) RenameNew(from, to string) error {
	if err := m.meddle(to); err != nil {
		return err
	}
	return m.Disk.RenameNew(from, to)
}

func (m *meddling) meddle(path string) error {
	if rel, ok := strings.CutPrefix(path, m.output+string(filepath.Separator)); ok {
		return m.before(rel)
	}
	return nil
}

// A worker that was stopped moves the stems after another one has the job, and before that one does.
func TestTheRecordSaysWhereAStoppedWorkerPutTheStems(t *testing.T) {
	t.Parallel()
	s := newSpool(t)
	j := organizing(t, s)
	j.Track = "a" // The worker before has recorded that.
	spooltest.Must(t, errors.Join(describe(j)(), j.Save()))
	s.disk.Disk = &meddling{s.disk.Disk, s.Output(), func(string) error {
		if place.Exists(j.Path(job.StemsFolder)) {
			return os.Rename(j.Path(job.StemsFolder), filepath.Join(s.Output(), "a"))
		}
		return nil
	}}
	if err := j.Publish([]string{"Band", "First", "01 a"}, describe(j)); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrLost) {
		t.Errorf("Publish = %v", err)
	}
	spooltest.Must(t, j.Reload())
	wantOut(t, s, j, "a")
}

// What others do between two steps changes no result.
func TestOthersChangeTheFoldersMeanwhile(t *testing.T) {
	t.Parallel()
	const wanted = "Band/First/01 a"
	for name, tt := range map[string]struct {
		// at is what is about to be made when meddle is called, once.
		at     string
		meddle func(s *Spool) error
		want   string
	}{
		"prune removes empty folders": {wanted, func(s *Spool) error {
			return errors.Join(os.Remove(filepath.Join(s.Output(), "Band/First")), os.Remove(filepath.Join(s.Output(), "Band")))
		}, wanted},
		"prune removes an empty folder before one is made in it": {"Band/First", func(s *Spool) error { return os.Remove(filepath.Join(s.Output(), "Band")) }, wanted},
		"another organizer makes the same folder":                {"Band/First", func(s *Spool) error { return os.Mkdir(filepath.Join(s.Output(), "Band/First"), 0o755) }, wanted},
		"a song gets the name":                                   {wanted, func(s *Spool) error { return os.Mkdir(filepath.Join(s.Output(), wanted), 0o755) }, wanted + " (2)"},
		"a song replaces an empty folder, on a file server": {"Band/First", func(s *Spool) error {
			return syscall.Rename(filepath.Join(s.data, "a song"), filepath.Join(s.Output(), "Band")) // os.Rename looks first.
		}, "Band (2)/First/01 a"},
		"somebody puts a file in the place of the album": {"Band/First", func(s *Spool) error {
			return os.WriteFile(filepath.Join(s.Output(), "Band/First"), nil, 0o644)
		}, "Band/First (2)/01 a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSpool(t)
			spooltest.Must(t, os.Mkdir(filepath.Join(s.data, "a song"), place.FolderMode))
			spooltest.Put(t, filepath.Join(s.data, "a song", job.TrackFile), "")
			j, done := organizing(t, s), false
			s.disk.Disk = &meddling{s.disk.Disk, s.Output(), func(path string) error {
				if path != tt.at || done {
					return nil
				}
				done = true
				return tt.meddle(s)
			}}
			spooltest.Must(t, j.Publish(strings.Split(wanted, "/"), describe(j)))
			if !done {
				t.Error("nobody meddled")
			}
			wantOut(t, s, j, tt.want)
			if empty := emptyIn(t, s); len(empty) > 0 && !slices.Equal(empty, []string{wanted}) { // somebody's folder
				t.Errorf("left empty: %q", empty)
			}
			if inSong, err := os.ReadDir(filepath.Join(s.Output(), "Band")); name == "a song replaces an empty folder, on a file server" && (err != nil || len(inSong) != 1) {
				t.Errorf("the song that came between has %v, %v", inSong, err)
			}
		})
	}
}

// What is mounted in the place of an artist's folder, perhaps read-only, is not used, and stops nothing.
func TestAnotherFileSystemInOutputIsNotUsed(t *testing.T) {
	t.Parallel()
	const wanted = "Band/First/01 a"
	for _, mount := range []string{"Band", "Band/First"} {
		for _, number := range []syscall.Errno{syscall.EXDEV, syscall.EROFS} {
			for _, decided := range []string{"", wanted} {
				for _, there := range []string{mount, "Band/First"} {
					s := newSpool(t)
					spooltest.Must(t, os.MkdirAll(filepath.Join(s.Output(), there), place.FolderMode))
					j, stopped := organizing(t, s), false
					j.Track = decided
					s.disk.Disk = &meddling{s.disk.Disk, s.Output(), func(path string) error {
						if strings.HasPrefix(path, mount+"/") && (number == syscall.EROFS || strings.HasSuffix(path, "/01 a")) && !place.Exists(filepath.Join(s.Output(), path)) {
							stopped = true
							return number
						}
						return nil
					}}
					if err := j.Publish(strings.Split(wanted, "/"), describe(j)); err != nil || !stopped {
						t.Errorf("%s is a mount, %v: %v", mount, number, err)
						continue
					}
					wantOut(t, s, j, "Band (2)/First/01 a")
					if empty := emptyIn(t, s); len(empty) != 1 || empty[0] != there {
						t.Errorf("left empty: %q; there was %q", empty, there)
					}
				}
			}
		}
	}
}

// Where that is so for all of output/, the error says it, and the record does not go from name to name.
func TestOutputOnAnotherFileSystem(t *testing.T) {
	t.Parallel()
	for _, number := range []syscall.Errno{syscall.EXDEV, syscall.EROFS} {
		for there, most := range map[string]string{"": "Band/First/01 a", "Band": "Band (2)/First/01 a"} {
			s := newSpool(t)
			spooltest.Must(t, os.MkdirAll(filepath.Join(s.Output(), there), place.FolderMode))
			j := organizing(t, s)
			s.disk.Disk = &meddling{s.disk.Disk, s.Output(), func(path string) error {
				if number == syscall.EROFS && path != there || strings.HasSuffix(path, "/01 a") {
					return number
				}
				return nil
			}}
			for range 3 {
				if err := j.Publish([]string{"Band", "First", "01 a"}, describe(j)); !errors.Is(err, number) || !Environment(err) || j.Track != most {
					t.Errorf("beside %q: Publish = %v, for %q", there, err, j.Track)
				}
			}
		}
	}
}

// Folders for a song that could not be moved into them are removed, and those that were there stay.
func TestNoEmptyFolderIsLeft(t *testing.T) {
	t.Parallel()
	for _, there := range []string{"", "Band", "Band/First"} {
		s := newSpool(t)
		spooltest.Must(t, os.MkdirAll(filepath.Join(s.Output(), there), place.FolderMode))
		j, disk := organizing(t, s), s.disk.Disk
		s.disk.Disk = &meddling{disk, s.Output(), func(path string) error {
			if strings.HasSuffix(path, "01 a") {
				return syscall.EIO
			}
			return nil
		}}
		if err := j.Publish([]string{"Band", "First", "01 a"}, describe(j)); !errors.Is(err, syscall.EIO) {
			t.Errorf("Publish = %v", err)
		}
		if empty := emptyIn(t, s); len(empty) != 1 || empty[0] != filepath.Clean(there) {
			t.Errorf("with %q, there are %q", there, empty)
		}
		s.disk.Disk = disk
		spooltest.Must(t, j.Publish([]string{"Band", "First", "01 a"}, describe(j)))
		wantOut(t, s, j, "Band/First/01 a")
		for _, folder := range []string{"Band", "Band/First", "Band/First/01 a"} {
			if info, err := os.Stat(filepath.Join(s.Output(), folder)); err != nil || folder != there && info.Mode().Perm() != place.FolderMode {
				t.Errorf("%s: %v, %v", folder, info, err)
			}
		}
	}
}
