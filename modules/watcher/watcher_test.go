//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

func TestASongBecomesAJob(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.input("My Song.wav", wave)
	spooltest.Must(t, os.Chmod(path, 0o600))
	b.look(0)
	b.look(settleTime - time.Millisecond)
	b.wantQueue(nil)
	b.look(time.Millisecond)

	b.wantQueue(map[job.Stage]int{job.Pending: 1})
	spooltest.WantNames(t, b.spool.Input())
	j := b.oneJob(job.Pending)
	spooltest.WantNames(t, j.Dir(), "job.json", "source")
	spooltest.WantText(t, j.Path(job.SourceFile), wave)
	sum := sha256.Sum256([]byte(wave))
	if j.Name != "My Song.wav" || j.MIME != "audio/wav" || j.Size != int64(len(wave)) ||
		j.SHA256 != hex.EncodeToString(sum[:]) || j.History[0].Worker != "host" {
		t.Errorf("record = %+v", j.Record)
	}
	wantOurs(t, j)
}

// wantOurs checks that the source belongs to this user alone.
func wantOurs(t *testing.T, j *spool.Job) {
	t.Helper()
	info, err := os.Lstat(j.Path(job.SourceFile))
	spooltest.Must(t, err)
	if info.Mode() != place.FileMode || !ours(info) {
		t.Errorf("source is %v, ours: %v; want %v, true", info.Mode(), ours(info), place.FileMode)
	}
}

func TestAGrowingFileIsLeftUntilItRests(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	content := wave
	for range 5 {
		content += "more"
		b.input("song.wav", content)
		b.look(settleTime)
		b.wantQueue(nil)
	}
	b.look(settleTime) // It paused for as long before, and went on.
	b.wantQueue(nil)
	b.look(settleTime)
	spooltest.WantText(t, b.oneJob(job.Pending).Path(job.SourceFile), content)
}

func TestNamesThatWaitAreLeftUntilTheyAreRenamed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	hidden, part := b.input(".song.wav", wave+"1"), b.input("song.wav.part", wave+"2")
	for range 3 {
		b.look(time.Hour)
	}
	b.wantQueue(nil)
	spooltest.Must(t, os.Rename(hidden, filepath.Join(b.spool.Input(), "one.wav")))
	spooltest.Must(t, os.Rename(part, filepath.Join(b.spool.Input(), "two.wav")))
	b.settleAll()
	b.wantQueue(map[job.Stage]int{job.Pending: 2})
}

func TestHostileNamesAreTakenByteForByte(t *testing.T) {
	t.Parallel()
	names := []string{
		"a b.wav", "-rf.wav", "a\nb.wav", `"'$(reboot)` + "`.wav", "\xff\xfe.wav", "ä.wav",
		"\\..\\x.wav", "...", strings.Repeat("n", 251) + ".wav", "source", "job.json", "taken",
	}
	b := newBench(t)
	want := map[string]bool{}
	for _, name := range names {
		if waits(name) {
			continue
		}
		want[name] = true
		b.input(name, wave+name)
	}
	b.settleAll()
	for _, j := range b.jobs(job.Pending) {
		if !want[j.RawName()] {
			t.Errorf("a job is of %q", j.RawName())
		}
		delete(want, j.RawName())
		spooltest.WantNames(t, j.Dir(), "job.json", "source")
	}
	if len(want) != 0 {
		t.Errorf("not taken: %v", want)
	}
}

func TestAFolderIsPointedOutOnceAndLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	spooltest.Must(t, os.Mkdir(filepath.Join(b.spool.Input(), "album"), place.FolderMode))
	b.input("album/song.wav", wave)
	for range 3 {
		b.settleAll()
	}
	again := newBenchOn(t, b.data)
	again.settleAll()
	spooltest.WantNames(t, b.spool.Input(), "album")
	spooltest.WantNames(t, filepath.Join(b.spool.Input(), "album"), "song.wav")
	spooltest.WantNames(t, b.spool.RejectedFiles(), "album.txt")
	b.wantQueue(nil)
}

func TestAFileWithASecondNameIsCopied(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.input("song.wav", wave)
	second := filepath.Join(t.TempDir(), "second")
	spooltest.Must(t, os.Link(path, second))
	b.settleAll()
	j := b.oneJob(job.Pending)
	spooltest.WantNames(t, j.Dir(), "job.json", "source")
	wantOurs(t, j)
	spooltest.Must(t, os.WriteFile(second, []byte("changed"), 0o600))
	spooltest.WantText(t, j.Path(job.SourceFile), wave)
}

func TestAFileOfSomeoneElsesIsCopied(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("LEFT OUT: a file of somebody else, because only root can give one away; run the tests as root")
	}
	b := newBench(t)
	spooltest.Must(t, os.Chown(b.input("song.wav", wave), 12345, 12345))
	b.settleAll()
	j := b.oneJob(job.Pending)
	wantOurs(t, j)
	spooltest.WantText(t, j.Path(job.SourceFile), wave)
}

func TestUnprivilegedUnreadableFileIsRejected(t *testing.T) {
	t.Parallel()
	spooltest.NeedUnprivileged(t)
	b := newBench(t)
	spooltest.Must(t, os.Chmod(b.input("song.wav", wave), 0))
	b.settleAll()
	if reason := b.oneJob(job.Rejected).Error; !strings.Contains(reason, "mage reset-permissions") {
		t.Errorf("reason = %q", reason)
	}
	spooltest.WantNames(t, b.spool.RejectedFiles(), "song.wav", "song.wav.txt")
}

func TestAFileThatVanishesIsForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	spooltest.Must(t, os.Remove(b.input("song.wav", wave)))
	if took, err := b.takeNow(t.Context(), "song.wav"); took || err != nil {
		t.Errorf("take = %v, %v", took, err)
	}
	b.wantQueue(nil)
}

func TestAFileThatIsStillWrittenIsHeldUntilItRests(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f, err := os.Create(b.input("song.wav", ""))
	spooltest.Must(t, err)
	defer func() { _ = f.Close() }()
	_, err = f.WriteString(wave + strings.Repeat("x", beatEveryBytes))
	spooltest.Must(t, err)
	// The writer goes on while the file is read: the heartbeat comes in the middle of that.
	grow := true
	b.beat = func() {
		if grow {
			_, err := f.WriteString("more")
			spooltest.Must(t, err)
		}
	}
	b.settleAll()
	b.wantQueue(map[job.Stage]int{job.Incoming: 1})
	b.look(0)
	grow = false
	b.look(settleTime - 1)
	b.wantQueue(map[job.Stage]int{job.Incoming: 1})
	b.look(1)
	j := b.oneJob(job.Pending)
	if info, err := f.Stat(); err != nil || j.Size != info.Size() {
		t.Errorf("size = %d; want that of the finished file", j.Size)
	}
}

// A copy over a slow network stands still for longer than a file must usually rest.
func TestAFileThatGrowsInBurstsIsGivenTime(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	content := wave
	for range 4 {
		content += "more"
		b.input("song.wav", content)
		b.look(0)
		b.look(settleTime - 1) // Almost.
	}
	b.look(settleTime - 2)
	b.wantQueue(nil)
	for range 20 { // The pauses cannot make it wait for ever.
		content += "more"
		b.input("song.wav", content)
		b.look(time.Hour)
		b.wantQueue(nil)
	}
	b.look(longestPause - 1)
	b.wantQueue(nil)
	b.look(1)
	spooltest.WantText(t, b.oneJob(job.Pending).Path(job.SourceFile), content)
}

// Between the look at a file and taking it somebody puts another one in its place, or begins to
// write to it again.
func TestAFileThatIsReplacedWhileItIsTakenWaitsUntilThatRests(t *testing.T) {
	t.Parallel()
	for _, replace := range []func(path string) error{
		func(path string) error { return os.WriteFile(path, []byte(wave+"begun"), 0o600) },
		func(path string) error {
			return errors.Join(os.WriteFile(path+".part", []byte(wave+"begun"), 0o600), os.Rename(path+".part", path))
		},
	} {
		b := newBench(t)
		path := b.input("song.wav", wave)
		info, err := os.Lstat(path)
		spooltest.Must(t, err)
		spooltest.Must(t, replace(path))
		if took, err := b.take(t.Context(), "song.wav", factsOf(info)); !took || err != nil {
			t.Fatalf("take = %v, %v", took, err)
		}
		b.look(0)
		b.look(settleTime - 1)
		b.wantQueue(map[job.Stage]int{job.Incoming: 1})
		b.look(1)
		spooltest.WantText(t, b.oneJob(job.Pending).Path(job.SourceFile), wave+"begun")
	}
}

func TestManyFilesAtOnce(t *testing.T) {
	t.Parallel()
	const songs = 200
	b := newBench(t)
	for i := range songs {
		b.input(fmt.Sprintf("song %d.wav", i), fmt.Sprint(wave, i))
	}
	b.settleAll()
	b.wantQueue(map[job.Stage]int{job.Pending: songs})
	spooltest.WantNames(t, b.spool.Input())
}

func TestTwoSongsOfOneNameAreTwoJobs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 2 {
		b.input("song.wav", fmt.Sprint(wave, i))
		b.settleAll()
	}
	b.wantQueue(map[job.Stage]int{job.Pending: 2})
}

func TestOneFileThatCannotBeTakenDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.input("a.wav", wave)
	b.look(0)
	b.clock = b.clock.Add(settleTime)
	id := "20261123T113047.123456Z-1a2b3c4d"
	b.adopted = time.Time{}
	dir := filepath.Join(b.spool.StageFolder(job.Incoming), id)
	spooltest.Must(t, os.Mkdir(dir, place.FolderMode))
	spooltest.Must(t, os.WriteFile(filepath.Join(dir, "taken"), nil, 0o600)) // Not the folder that it should be.
	if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("error = %v; want ENOTDIR", err)
	}
	b.wantQueue(map[job.Stage]int{job.Incoming: 1, job.Pending: 1})
	spooltest.Must(t, os.RemoveAll(b.oneFolder(job.Incoming)))
	b.look(restFor)
	if len(b.held) != 0 {
		t.Errorf("held: %v; want nothing once the job is gone", b.held)
	}
}

func TestStopEndsATurn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.input("song.wav", wave)
	b.look(0)
	b.clock = b.clock.Add(settleTime)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tenure := b.tenure
	b.tenure = ctx
	if _, err := b.turn(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v; want context.Canceled", err)
	}
	if took, err := b.takeNow(ctx, "song.wav"); !took || !errors.Is(err, context.Canceled) {
		t.Errorf("take = %v, %v; want it stopped while it reads", took, err)
	}
	b.wantQueue(map[job.Stage]int{job.Incoming: 1})
	if _, err := b.turn(ctx); !errors.Is(err, context.Canceled) || len(b.held) != 1 {
		t.Errorf("error = %v, held %v", err, b.held)
	}
	b.tenure = tenure
	b.look(0)
	b.wantQueue(map[job.Stage]int{job.Pending: 1})
}
