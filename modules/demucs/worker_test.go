//go:build unix

package main

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/weights"
)

func TestAJobGetsItsStems(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	id := b.add("song.mp3", "sound").ID
	busy, err := b.turn(t.Context())
	if !busy || err != nil {
		t.Fatalf("turn = %v, %v\n%s", busy, err, b.log)
	}
	j := b.in(job.Separated, id)
	spooltest.WantNames(t, j.Dir(), "job.json", "progress.json", "source", "stems")
	spooltest.WantNames(t, j.Path(job.StemsFolder), "bass.wav", "drums.wav", "other.wav", "peaks.json", "vocals.wav")
	for _, stem := range stemNames() {
		info, err := os.Stat(j.Path(job.StemsFolder, stem+".wav"))
		if err != nil || info.Mode() != place.FileMode {
			t.Errorf("%s is %v, %v; want %v", stem, info.Mode(), err, place.FileMode)
		}
	}
	if j.DurationSeconds != 0.1 || j.Engine != "onnx" || j.Model != "htdemucs" || j.Attempt != 1 {
		t.Errorf("record = %+v", j.Record)
	}
	if v := j.History[2]; v.Stage != job.Separating || v.Worker != "me" {
		t.Errorf("visit = %+v", v)
	}
	progress, err := os.ReadFile(j.Path("progress.json"))
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
		ffmpeg, engine string
		want           job.Stage
		error          string
	}{
		{"ffmpeg-broken", "engine", job.Rejected, "ffmpeg says: Invalid data found when processing input."},
		{"ffmpeg-full", "engine", job.Rejected, "could not be decoded"}, // It writes into no file.
		{"ffmpeg-silent", "engine", job.Rejected, "holds no sound"},
		{"ffmpeg-stalls", "engine", job.Failed, "ffmpeg failed: it made no progress for 3s and was ended"},
		{"ffmpeg", "engine-stalls", job.Failed, "the separation engine failed: it made no progress for 3s and was ended"},
		{"ffmpeg", "engine-crashes-for-silence", job.Failed, "the separation engine failed: it crashed: signal: terminated; it works with other audio"},
		{"ffmpeg-killed", "engine", job.Failed, "ffmpeg failed: it was killed (signal 9): it ran out of memory"},
		{"ffmpeg", "engine-fails", job.Failed, "the separation engine failed: exit status 1; it says: Error: Unsupported audio format: 65534"},
		{"ffmpeg", "engine-killed-for-silence", job.Failed, "it was killed (signal 9): it ran out of memory; give the service more"},
		{"ffmpeg", "engine-without-memory-for-silence", job.Failed, "it ran out of memory; give the service more"},
		{"ffmpeg", "engine-no-memory-for-silence", job.Failed, "it ran out of memory; give the service more"},
		{"ffmpeg", "engine-nan-of-silence", job.Failed, `in the stem "vocals", left channel, at 0:00.000: a sample is NaN`},
	}
	for _, tt := range tests {
		t.Run(tt.ffmpeg+" "+tt.engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.ffmpeg, tt.engine)
			id := b.add("song.mp3", "sound").ID
			if strings.HasSuffix(tt.ffmpeg+tt.engine, "stalls") || strings.HasPrefix(tt.ffmpeg, "ffmpeg-stalls") {
				b.stall(3 * time.Second) // a busy machine starts a program late
			}
			attempts := 1
			if tt.want == job.Failed {
				attempts = spool.MaxAttempts
			}
			for range attempts {
				if busy, err := b.turn(t.Context()); !busy || err != nil {
					t.Fatalf("turn = %v, %v; want the worker to go on", busy, err)
				}
			}
			j := b.in(tt.want, id)
			if !strings.Contains(j.Error, tt.error) {
				t.Errorf("error = %q; want %q", j.Error, tt.error)
			}
			if tt.want == job.Failed {
				spooltest.WantNames(t, j.Dir(), "job.json", "source")
				return
			}
			spooltest.WantNames(t, j.Dir(), "job.json")
			spooltest.WantNames(t, b.spool.RejectedFiles(), "song.mp3", "song.mp3.txt")
		})
	}
}

// A pause is said in health check and log, lasts over a restart, and is over when its file is gone.
func TestAPausedWorkerTakesNothing(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	b := newBenchOn(t, data, "ffmpeg", "engine", "me")
	id := b.add("song.mp3", "sound").ID
	spooltest.Must(t, pause.Set(data, "anna", -1, -1))
	wantHealth := func(b *bench, want string) {
		t.Helper()
		for range 2 {
			busy, err := b.turn(t.Context())
			if busy || err != nil {
				t.Fatalf("turn = %v, %v", busy, err)
			}
		}
		spooltest.Must(t, b.env.Health.Set(nil))
		if got, err := os.ReadFile(b.health); err != nil || string(got) != want {
			t.Errorf("health = %q, %v; want %q", got, err, want)
		}
	}
	const paused = "ok: paused, takes no song until `mage resume`\n"
	wantHealth(b, paused)
	again := newBenchOn(t, data, "ffmpeg", "engine", "me")
	wantHealth(again, paused)
	again.in(job.Pending, id)
	spooltest.Must(t, again.spool.Cancel(id)) // Then nothing waits, and it is paused all the same.
	wantHealth(again, paused)
	if n := strings.Count(again.log.String(), "paused: taking no song"); n != 1 {
		t.Errorf("said %d times:\n%s", n, again.log)
	}
	spooltest.Must(t, pause.Clear(data))
	wantHealth(again, "ok\n")
	id = again.add("song.mp3", "sound").ID
	_, err := again.turn(t.Context())
	spooltest.Must(t, err)
	again.in(job.Separated, id)
}

func TestATrackThatIsTooLongIsRejected(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	b.settings.longest = 99 * time.Millisecond
	id := b.add("song.mp3", "sound").ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	if j := b.in(job.Rejected, id); !strings.Contains(j.Error, "plays for 100ms, and at most 99ms can be separated in one piece (-max-duration)") {
		t.Errorf("error = %q", j.Error)
	}
}

// fullDisk makes a file that takes nothing.
func fullDisk(string) (*os.File, error) { return os.OpenFile("/dev/full", os.O_WRONLY, 0) }

func TestAFullDiskIsNotTheJobsFault(t *testing.T) {
	t.Parallel()
	for engine, want := range map[string]string{"engine": "writing the mix", "engine-full": "the separation engine"} {
		b := newBench(t, "ffmpeg", engine)
		if engine == "engine" {
			b.createFile = fullDisk
		}
		id := b.add("song.mp3", "sound").ID
		if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: turn = %v; want ENOSPC of %s", engine, err, want)
		}
		j := b.in(job.Pending, id)
		spooltest.WantNames(t, j.Dir(), "job.json", "source")
		if j.Attempt != 0 {
			t.Errorf("%v: attempt %d; want it not counted", engine, j.Attempt)
		}
	}
}

// A job that met a full disk lets those pass that need less, and is tried again when there is room.
func TestAJobThatLacksRoomLetsOthersPass(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine-full")
	engine := b.engine
	large := b.add("large.mp3", "sound").ID
	if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) || b.lacking[large] < 5*fakeFrames*mixFrameSize+spareRoom {
		t.Fatalf("turn = %v; it lacks %d bytes", err, b.lacking[large])
	}
	b.lacking[large] = math.MaxInt64
	b.settings.program = program(t, "engine")
	small := b.add("small.mp3", "sound").ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	b.in(job.Separated, small)
	if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "not enough disk space for the stems of the next song") {
		t.Errorf("turn = %v; want ENOSPC", err)
	}
	b.lacking[large], b.engine = 1, engine
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
	b.in(job.Separated, large)
}

// Jobs that lacked room and are gone are not remembered.
func TestJobsThatAreGoneLackNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine-full")
	for range 3 {
		j := b.add("song.mp3", "sound")
		if _, err := b.turn(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("turn = %v; want ENOSPC", err)
		}
		if len(b.lacking) != 1 || b.lacking[j.ID] == 0 {
			t.Errorf("lacking: %v", b.lacking)
		}
		spooltest.Must(t, os.RemoveAll(b.in(job.Pending, j.ID).Dir()))
	}
}

// A job that needs more than the whole disk never gets it.
func TestAJobThatNeedsMoreThanTheDiskIsRejected(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	j := b.add("long.mp3", "sound")
	long := b.finishing(j, options.Default(), prepared{manifest: weights.Manifest{Sources: stemNames()}}, decoded{frames: 1 << 50})
	err := b.lackRoom(j, long, syscall.ENOSPC)
	if rejected := (*rejection)(nil); !errors.As(err, &rejected) || !strings.Contains(err.Error(), "it needs at least 45035996.3 GB of room, and the disk") {
		t.Errorf("lackRoom = %v; want a rejection", err)
	}
}

// What ffprobe says may be the words of a file, and does not make others wait.
func TestWordsOfAFileAreNotBelieved(t *testing.T) {
	t.Parallel()
	for ffprobe, want := range map[string]string{"ffprobe-full": "could not be decoded", "ffprobe-endless": "more tracks than a song has"} {
		b := newBench(t, "ffmpeg", "engine")
		b.settings.ffprobe = program(t, ffprobe)
		id := b.add("song.mkv", "sound").ID
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		if j := b.in(job.Rejected, id); !strings.Contains(j.Error, want) {
			t.Errorf("%s: error = %q; want %q", ffprobe, j.Error, want)
		}
	}
}

func TestASourceThatIsNotThereIsNotCalledDamaged(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(t *testing.T, path string){
		"its file was removed from the queue": func(*testing.T, string) {},
		"something that is no file":           func(t *testing.T, path string) { t.Helper(); spooltest.Must(t, os.Symlink("/etc/passwd", path)) },
	} {
		b := newBench(t, "ffmpeg-broken", "engine")
		j := b.add("song.mp3", "sound")
		spooltest.Must(t, os.Remove(j.Path(job.SourceFile)))
		spoil(t, j.Path(job.SourceFile))
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		if j := b.in(job.Failed, j.ID); !strings.Contains(j.Error, want) {
			t.Errorf("error = %q; want %q", j.Error, want)
		}
	}
}

// An engineFunc is an engine that does only this.
type engineFunc func() error

func (engineFunc) Ready() error { return nil }

func (f engineFunc) Separate(context.Context, string, int64, string, options.Options, func(done, total int)) error {
	return f()
}
