//go:build unix

package main

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/weights/weightstest"
)

// An engine that crashes, is killed or makes wrong stems of any song costs none of them an attempt, and the worker says so
// until it is right again.
func TestAFaultOfTheEngineIsNoSongs(t *testing.T) {
	t.Parallel()
	for engine, want := range map[string]string{
		"engine-nan":             "a sample is NaN",
		"engine-short":           "it has 88199 frames, and the mix has 88200 frames",
		"engine-incomplete":      `in the stem "other": it was not made`,
		"engine-without-library": "it is too old",
		"engine-crashes":         "it crashed",
		"engine-killed":          "it was killed (signal 9): it ran out of memory",
		"engine-no-memory":       "it ran out of memory",
		"engine-without-memory":  "it ran out of memory",
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "ffmpeg", engine)
			id := b.add("song.mp3", "sound").ID
			for range 3 {
				if _, err := b.turn(t.Context()); !errors.As(err, new(*modelError)) || !strings.Contains(err.Error(), want) {
					t.Fatalf("turn = %v; want %q", err, want)
				}
			}
			j := b.in(job.Pending, id)
			spooltest.WantNames(t, j.Dir(), "job.json", "source")
			if j.Attempt != 0 || len(j.History) > 4 {
				t.Errorf("attempt %d, history %v; want one visit that did not count", j.Attempt, j.History)
			}
			// It is right again, and that is found out by itself.
			b.settings.program = program(t, "engine")
			b.stall(time.Minute)
			b.tried = time.Now().Add(-tryAgain)
			_, err := b.turn(t.Context())
			spooltest.Must(t, err)
			b.in(job.Separated, id)
		})
	}
}

// What was asked for is what comes out, and the record tells it.
func TestTheRecordTellsWhatWasMade(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	j, err := b.spool.Create("watcher")
	spooltest.Must(t, err)
	j.SetName("song.wav")
	j.Options = options.Options{TwoStems: "vocals", Bits: options.Bits24, Sum: options.SumExact}
	spooltest.Must(t, os.WriteFile(j.Path(job.SourceFile), []byte("sound"), 0o600))
	spooltest.Must(t, j.Move(job.Pending))
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
	got := b.in(job.Separated, j.ID)
	spooltest.WantNames(t, got.Path(job.StemsFolder), "vocals.wav", "no_vocals.wav", job.PeaksFile)
	if want := []string{"vocals.wav", "no_vocals.wav"}; !slices.Equal(got.Files, want) || got.Gain != 1 || got.SumDB != nil ||
		len(got.Warnings) > 0 || got.SourceRate != mixRate || got.EngineVersion != options.EngineVersion ||
		!got.Settings.Equal(j.Options.Over(options.Default())) {
		t.Errorf("record = %+v", got.Record)
	}
	for file, tags := range map[string]int64{"vocals.wav": 12 + 8 + 14 + 8 + 10 + 10 + 14, "no_vocals.wav": 12 + 8 + 18 + 8 + 10 + 10 + 18} { // The titles alone.
		if info, err := os.Stat(got.Path(job.StemsFolder, file)); err != nil || info.Size() != 44+6*fakeFrames+tags {
			t.Errorf("%s has %d bytes, %v", file, info.Size(), err)
		}
	}
}

// A service that is told to make what its model has not blames no song: it claims none.
func TestAServiceToldToMakeWhatItsModelHasNot(t *testing.T) {
	t.Parallel()
	for _, o := range []options.Options{{Stems: []string{"piano"}}, {TwoStems: "guitar"}} {
		b := newBench(t, "ffmpeg", "engine")
		b.settings.options = o
		id := b.add("song.mp3", "sound").ID
		want := `the settings ask for what the model htdemucs cannot do: the model has no stem "` + cmp.Or(o.TwoStems, "piano") + `"`
		if _, err := b.turn(t.Context()); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "set DEMUCS_STEMS") {
			t.Errorf("turn = %v; want %q", err, want)
		}
		b.in(job.Pending, id)
		b.settings.options = options.Options{}
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		b.in(job.Separated, id)
	}
}

// A song that asks for a model with which the engine fails is rejected, and keeps no other waiting.
func TestAModelThatTheEngineCannotUse(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"engine-without-mine", "engine-nan-of-mine"} {
		b := newBench(t, "ffmpeg", engine)
		weightstest.Make(t, b.settings.weights, "mine", b.settings.precision)
		mine := b.add("mine.mp3", "sound")
		mine.Options.Model = "mine"
		spooltest.Must(t, mine.Save())
		other := b.add("other.mp3", "sound").ID
		for range 2 {
			_, err := b.turn(t.Context())
			spooltest.Must(t, err)
		}
		if j := b.in(job.Rejected, mine.ID); !strings.Contains(j.Error, `no song can be separated with the model "mine": `) {
			t.Errorf("error = %q", j.Error)
		}
		b.in(job.Separated, other)
	}
}

// An engine that cannot work with a song, and can with a known sound, has used up an attempt of the song.
func TestAnEngineThatCannotWorkOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine-without-library-for-silence")
	id := b.add("song.mp3", "sound").ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	if j := b.in(job.Pending, id); j.Attempt != 1 || !strings.Contains(j.Error, "it is too old; it works with other audio") {
		t.Errorf("record = %+v", j.Record)
	}
}

// The sound that an engine is tried with has something in all that is checked.
func TestTheKnownSound(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	b.tryEngine(t.Context())
	if b.unfit != nil {
		t.Errorf("the engine is unfit: %v", b.unfit)
	}
	if a, b := knownSound(), knownSound(); !slices.Equal(a, b) || len(a) != knownFrames*mixFrameSize {
		t.Error("the sound is another one each time")
	}
}

// An encoder that says that the disk is full, while it is not, has used up an attempt.
func TestAnEncoderThatSaysThatTheDiskIsFull(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg-full-later", "engine")
	b.settings.options.Format = options.FLAC
	id := b.add("song", "sound").ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	if j := b.in(job.Pending, id); j.Attempt != 1 || !strings.Contains(j.Error, "No space left on device") {
		t.Errorf("record = %+v; want one attempt", j.Record)
	}
}

// A real ffmpeg encodes through the worker's own way of running it.
func TestFfmpegEncodesStems(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	for _, format := range []string{options.FLAC, options.MP3} {
		b := newBench(t, "ffmpeg", "engine")
		source := sound(t, "a.wav", "-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000")
		data, err := os.ReadFile(source)
		spooltest.Must(t, err)
		b.settings.ffmpeg, b.settings.ffprobe = ffmpeg, strings.TrimSuffix(ffmpeg, "mpeg")+"probe"
		b.settings.options.Format, b.settings.options.Rate = format, options.RateSource
		id := b.add("a.wav", string(data)).ID
		_, err = b.turn(t.Context())
		spooltest.Must(t, err)
		j := b.in(job.Separated, id)
		out, err := exec.CommandContext(t.Context(), spooltest.FullFFmpeg(), "-v", "error", "-i", j.Path(job.StemsFolder, "drums."+format), "-f", "s16le", "pipe:1").Output()
		if err != nil || len(out) != 4*48000 || j.SourceRate != 48000 || j.SumDB == nil || *j.SumDB < 100 {
			t.Errorf("%s: %d bytes, %v; record = %+v", format, len(out), err, j.Record)
		}
	}
}
