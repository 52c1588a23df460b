//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

const (
	wish     = `{"two_stems": "vocals", "format": "flac"}`
	wishText = "-twoStems=vocals -format=flac"
)

// dropWith puts the song into input/ under a name, with what is asked for, and has it taken.
func (b *bench) dropWith(name, wish string) {
	b.t.Helper()
	b.input(job.Sidecar(name), wish)
	b.drop(name)
}

func TestASongIsAskedForWithOptions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.dropWith("song.again.wav", wish)
	j := b.oneJob(job.Pending)
	if j.Name != "song.wav" || j.Options.String() != wishText {
		t.Errorf("record = %+v", j.Record)
	}
	spooltest.WantNames(t, j.Dir(), "job.json", "source")
	spooltest.WantNames(t, b.spool.Input())
	b.drop("other.wav")
	if next := b.jobs(job.Pending)[1]; !next.Options.Equal(options.Options{}) {
		t.Errorf("the next song has %+v", next.Options)
	}
}

// What is asked for in a way that cannot be understood is not guessed.
func TestOptionsThatCannotBeUsedRejectTheSong(t *testing.T) {
	t.Parallel()
	for want, put := range map[string]func(path string) error{
		`"colour" is not an option`:                          func(path string) error { return os.WriteFile(path, []byte(`{"colour": "red"}`), 0o600) },
		"not a JSON object":                                  func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"more than 4096 bytes":                               func(path string) error { return os.WriteFile(path, make([]byte, 1<<20), 0o600) },
		`bits "12": it must be 16, 24 or float`:              func(path string) error { return os.WriteFile(path, []byte(`{"bits": "12"}`), 0o600) },
		"it is not a regular file. Write that file again as": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"it is not a regular file.":                          func(path string) error { return os.Symlink("/etc/passwd", path) },
		"it is not a regular file":                           func(path string) error { return os.Mkdir(path, place.FolderMode) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			spooltest.Must(t, put(filepath.Join(b.spool.Input(), job.Sidecar("song.wav"))))
			b.drop("song.wav")
			j := b.oneJob(job.Rejected)
			if !strings.Contains(j.Error, want) || !strings.Contains(j.Error, `the file ".song.wav.im2.json", which says how to separate it`) {
				t.Errorf("reason = %q; want %q", j.Error, want)
			}
			spooltest.WantNames(t, j.Dir(), "job.json")
			spooltest.WantNames(t, b.spool.RejectedFiles(), "song.wav", "song.wav.txt")
			spooltest.WantNames(t, b.spool.Input())
			b.drop("song.wav") // As its owner left it without.
			b.wantQueue(map[job.Stage]int{job.Rejected: 1, job.Pending: 1})
		})
	}
}

func TestUnprivilegedUnreadableOptionsRejectTheSong(t *testing.T) {
	t.Parallel()
	spooltest.NeedUnprivileged(t)
	b := newBench(t)
	spooltest.Must(t, os.Chmod(b.input(job.Sidecar("song.wav"), wish), 0))
	b.drop("song.wav")
	if reason := b.oneJob(job.Rejected).Error; !strings.Contains(reason, "mage reset-permissions") {
		t.Errorf("reason = %q", reason)
	}
}

// A name with no room for a sidecar has none.
func TestALongNameHasNoOptions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	longest := strings.Repeat("x", job.MostEntry)
	b.dropWith(longest, wish)
	if j := b.oneJob(job.Pending); j.Options.String() != wishText {
		t.Errorf("options = %+v", j.Options)
	}
	b.input(longest+"x", wave+"other")
	b.settleAll()
	b.wantQueue(map[job.Stage]int{job.Pending: 2})
}

// Whenever the watcher dies, the song has what was asked for, and the next one of its name has not.
func TestOptionsOutliveACrash(t *testing.T) { //nolint:funlen // a table of crashes
	t.Parallel()
	entry, sidecar := "song.wav", job.Sidecar("song.wav")
	kept := func(t *testing.T, b *bench, j *spool.Job) {
		t.Helper()
		mkTaken(t, b, j)
		b.input(sidecar, wish)
		if found, err := b.keepAsked(j, entry); !found || err != nil {
			t.Fatalf("keepAsked = %v, %v", found, err)
		}
	}
	moved := func(t *testing.T, b *bench, j *spool.Job) {
		t.Helper()
		kept(t, b, j)
		spooltest.Put(t, j.Path(job.TakenFolder, entry), wave)
	}
	for _, tt := range []struct {
		name  string
		until func(t *testing.T, b *bench, j *spool.Job)
		// want are the options of the jobs that wait at the end, and left is what is in input/.
		want, left []string
	}{
		{"they were kept", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			kept(t, b, j)
			b.input(entry, wave)
		}, []string{wishText}, nil},
		{"half of them was kept", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			mkTaken(t, b, j)
			spooltest.Put(t, j.Path(place.TempPrefix+"1"), "{")
			b.input(sidecar, wish)
			b.input(entry, wave)
		}, []string{wishText}, nil},
		{"the song was taken", moved, []string{wishText}, nil},
		{"they were removed from input", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			moved(t, b, j)
			b.dropSidecar(j, entry)
		}, []string{wishText}, nil},
		{"another song came with the same", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			moved(t, b, j)
			b.input(entry, wave+"other")
		}, []string{wishText, wishText}, nil},
		{"others came without a song", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			moved(t, b, j)
			b.input(sidecar, `{"bits": "24"}`)
		}, []string{wishText}, []string{sidecar}},
		{"another song came with others", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			moved(t, b, j)
			b.input(sidecar, `{"bits": "24"}`)
			b.input(entry, wave+"other")
		}, []string{wishText, "-bits=24"}, nil},
		{"a song without any was taken, and one with some came", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			taken(t, b, j)
			b.input(sidecar, wish)
			b.input(entry, wave+"other")
		}, []string{"", wishText}, nil},
		{"they were recorded", func(t *testing.T, b *bench, j *spool.Job) {
			t.Helper()
			moved(t, b, j)
			b.dropSidecar(j, entry)
			j.SetName(entry)
			spooltest.Must(t, j.Options.Set("bits", "24")) // The record counts.
			spooltest.Must(t, j.Save())
		}, []string{"-bits=24"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := newBench(t)
			j, err := before.spool.Create("host")
			spooltest.Must(t, err)
			tt.until(t, before, j)
			b := newBenchOn(t, before.data)
			b.settleAll()
			var got []string
			for _, j := range b.jobs(job.Pending) {
				spooltest.WantNames(t, j.Dir(), "job.json", "source")
				got = append(got, j.Options.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("jobs with %q; want %q", got, tt.want)
			}
			spooltest.WantNames(t, b.spool.Input(), tt.left...)
		})
	}
}

// A rejection for what was asked for is one after a crash, too.
func TestBadOptionsOutliveACrash(t *testing.T) {
	t.Parallel()
	before := newBench(t)
	j, err := before.spool.Create("host")
	spooltest.Must(t, err)
	taken(t, before, j)
	spooltest.Put(t, j.Path(job.AskedFile), `{"problem": "it was wrong"}`)
	b := newBenchOn(t, before.data)
	b.look(0)
	if got := b.oneJob(job.Rejected); got.Error != "it was wrong" {
		t.Errorf("reason = %q", got.Error)
	}
	damaged, err := b.spool.Create("host")
	spooltest.Must(t, err)
	taken(t, b, damaged)
	spooltest.Put(t, damaged.Path(job.AskedFile), "{")
	b = newBenchOn(t, before.data)
	b.look(0)
	if got := b.jobs(job.Rejected)[1]; !strings.Contains(got.Error, "was damaged") {
		t.Errorf("reason = %q", got.Error)
	}
}

// A file server that took the song, and said otherwise, has its options, too.
func TestOptionsOfASongThatWasTakenWhileTheDiskSaidOtherwise(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.rename = func(from, to string) error {
		spooltest.Must(t, os.Rename(from, to))
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.EIO}
	}
	b.dropWith("song.wav", wish)
	b.look(0)
	b.look(settleTime)
	if j := b.oneJob(job.Pending); j.Options.String() != wishText {
		t.Errorf("options = %+v", j.Options)
	}
	spooltest.WantNames(t, b.spool.Input())
}

// A song that vanishes keeps its sidecar, and leaves no job.
func TestASongWithOptionsThatVanishes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.input(job.Sidecar("song.wav"), wish)
	if took, err := b.takeNow(t.Context(), "song.wav"); took || err != nil {
		t.Errorf("take = %v, %v", took, err)
	}
	b.wantQueue(nil)
	spooltest.WantNames(t, b.spool.Input(), job.Sidecar("song.wav"))
}

// A sidecar waits for its song for a day, and as long as the song does.
func TestSidecarsWithoutASongAreRemovedAfterADay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old := time.Now().Add(-25 * time.Hour)
	for _, path := range []string{
		b.input(job.Sidecar("gone.wav"), wish), b.input(job.Sidecar("there.wav"), wish), b.input("there.wav", wave),
		b.input(".im2.json", wish), b.input(".other.json", wish),
	} {
		spooltest.Must(t, os.Chtimes(path, old, old))
	}
	b.input(job.Sidecar("soon.wav"), wish)
	newBenchOn(t, b.data)
	spooltest.WantNames(t, b.spool.Input(), ".im2.json", ".other.json", job.Sidecar("soon.wav"), job.Sidecar("there.wav"), "there.wav")
}

// The same song is another one when something else is asked for with it.
func TestTheSameSongWithOtherOptionsIsDone(t *testing.T) {
	t.Parallel()
	for _, restarted := range []bool{false, true} {
		b := newBench(t)
		again := func() {
			if restarted {
				b = newBenchOn(t, b.data)
			}
		}
		b.drop("song.wav")
		again()
		b.dropWith("song.wav", wish)
		again()
		b.dropWith("song.wav", `{"stems": ["vocals", "drums"]}`)
		again()
		b.wantQueue(map[job.Stage]int{job.Pending: 3})
		b.dropWith("copy.wav", `{"stems": ["drums", "vocals"]}`) // The order is no other wish.
		again()
		b.drop("plain.wav")
		b.wantQueue(map[job.Stage]int{job.Pending: 3, job.Rejected: 2})
		first, rejected := b.jobs(job.Pending), b.jobs(job.Rejected)
		if rejected[0].DuplicateOf != first[2].ID || rejected[1].DuplicateOf != first[0].ID {
			t.Errorf("duplicates of %q and %q", rejected[0].DuplicateOf, rejected[1].DuplicateOf)
		}
		if want := `the same song as "song.wav" and asked for with the same options, that is under way`; !strings.Contains(rejected[0].Error, want) ||
			!strings.HasSuffix(rejected[0].Error, " Its options were -stems=vocals,drums; give them again.") {
			t.Errorf("reason = %q", rejected[0].Error)
		}
		if strings.Contains(rejected[1].Error, "options") {
			t.Errorf("reason = %q", rejected[1].Error)
		}
	}
}
