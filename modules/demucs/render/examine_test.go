package render

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// Each fault that an engine has had, or could have, is found, and told with its place.
func TestAFaultOfTheEngineIsFound(t *testing.T) {
	t.Parallel()
	const frames = 3 * MixRate
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	silence := func(stem []float32, channel, from, count int) {
		for i := range count {
			stem[(from+i)*channels+channel] = 0
		}
	}
	tests := []struct {
		name  string
		spoil func(s *song)
		want  string
	}{
		{"one NaN", func(s *song) { s.stems["bass"][2*MixRate*channels+1] = nan }, `in the stem "bass", right channel, at 0:02.000: a sample is NaN`},
		{"the last sample", func(s *song) { s.stems["drums"][frames*channels-1] = inf }, `in the stem "drums", right channel, at 0:03.000: a sample is -Inf`},
		{"a hole on the right", func(s *song) { silence(s.stems["vocals"], 1, MixRate/2, 2476) }, `in the stem "vocals", right channel, at 0:00.500: 10 ms or more of digital silence`},
		{"a hole on the left", func(s *song) { silence(s.stems["other"], 0, blockFrames-200, 900) }, `in the stem "other", left channel, at 0:00.181: 10 ms`},
		{"a hole in both", func(s *song) {
			silence(s.stems["vocals"], 0, 1000, MixRate+2000)
			silence(s.stems["vocals"], 1, 1000, MixRate+2000)
		}, `in the stem "vocals", at 0:00.023: a second or more`},
		{"two are equal", func(s *song) { s.stems["bass"] = s.stems["drums"] }, `in the stem "drums": it is the same as "bass"`},
		{"half as long", func(s *song) { s.stems["vocals"] = s.stems["vocals"][:frames] }, `in the stem "vocals": it has 66150 frames, and the mix has 132300 frames`},
		{"too long", func(s *song) { s.stems["vocals"] = append(s.stems["vocals"], 0, 0) }, "it has 132301 frames"},
		{"half a frame", func(s *song) { s.stems["vocals"] = append(s.stems["vocals"], 0) }, "1058404 bytes, which are no whole frames"},
		{"missing", func(s *song) { delete(s.stems, "vocals") }, `in the stem "vocals": it was not made`},
		{"all are silent", func(s *song) {
			for _, stem := range s.stems {
				clear(stem)
			}
		}, "in the stems: all of them are silent, and the song is not"},
		{"all are constant", func(s *song) {
			for name, stem := range s.stems {
				for i := range stem {
					stem[i] = 0.001 * float32(len(name))
				}
			}
		}, "all of them are silent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSong(frames)
			tt.spoil(s)
			job := put(t, s, wave(options.Options{}))
			_, err := Render(t.Context(), job)
			var fault *FaultError
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "most likely a fault of the engine") {
				t.Errorf("Render = %v; want %q", err, tt.want)
			}
			if made, _ := os.ReadDir(filepath.Join(job.Work.Name(), job.Out)); len(made) > 0 {
				t.Errorf("it made %v", made)
			}
		})
	}
}

// What looks like a fault and is none.
func TestStrangeSongsAreNoFault(t *testing.T) {
	t.Parallel()
	const frames = 2 * MixRate
	tests := []struct {
		name   string
		change func(s *song)
	}{
		{"silence", func(s *song) {
			s.scale(0)
		}},
		{"nothing on the right", func(s *song) {
			for _, samples := range [][]float32{s.mix, s.stems["vocals"], s.stems["drums"], s.stems["bass"], s.stems["other"]} {
				for i := 1; i < len(samples); i += channels {
					samples[i] = 0
				}
			}
		}},
		{"one stem is nothing", func(s *song) { clear(s.stems["vocals"]) }},
		{"two stems are nothing", func(s *song) { clear(s.stems["vocals"]); clear(s.stems["bass"]) }},
		{"one stem is next to nothing", func(s *song) { sprinkle(s.stems["vocals"]) }},
		{"a pause", func(s *song) {
			for _, samples := range [][]float32{s.mix, s.stems["vocals"], s.stems["drums"], s.stems["bass"], s.stems["other"]} {
				clear(samples[20000:140000])
			}
		}},
		{"nothing but a constant", func(s *song) {
			for i := range s.mix {
				s.mix[i] = 0.1
			}
			for _, stem := range s.stems {
				copy(stem, s.mix)
			}
		}},
		{"zeros here and there", func(s *song) {
			for i := 0; i < len(s.stems["drums"]); i += 3 {
				s.stems["drums"][i] = 0
			}
		}},
		{"400 zeros", func(s *song) {
			for i := range 400 {
				s.stems["drums"][(5000+i)*channels] = 0
			}
		}},
	}
	for _, tt := range tests {
		s := newSong(frames)
		tt.change(s)
		job := put(t, s, wave(options.Options{}))
		if err := Check(t.Context(), job); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.name == "silence" { // which has no loudest sample
			finish(t, job)
		}
	}
}

// sprinkle makes samples tiny, and none of them zero.
func sprinkle(samples []float32) {
	for i := range samples {
		samples[i] = 1e-9
	}
}

// A weak sum is told, and is no reason to keep the stems back.
func TestTheSumIsMeasured(t *testing.T) {
	t.Parallel()
	s := newSong(MixRate)
	for i := range s.mix { // 40 dB louder than what it lacks, to begin with.
		s.mix[i] = 0
		for _, stem := range s.stems {
			s.mix[i] += stem[i]
		}
	}
	for _, lost := range []float32{0, 0.01, 0.2} { // of each sample of the mix
		mix := append([]float32(nil), s.mix...)
		want, lack := 0.0, 0.0
		for i := range mix {
			mix[i] *= 1 + lost
			want += float64(mix[i]) * float64(mix[i])
			lack += math.Pow(float64(mix[i])-float64(s.mix[i]), 2)
		}
		db := 10 * math.Log10(want/lack)
		made := finish(t, put(t, &song{mix, s.stems}, wave(options.Options{})))
		switch {
		case made.SumDB == nil:
			t.Errorf("no sum for %v", lost)
		case lost == 0 && *made.SumDB < 130, lost > 0 && math.Abs(*made.SumDB-db) > 0.01:
			t.Errorf("the sum is within %v dB; want %v", *made.SumDB, db)
		case (len(made.Warnings) > 0) != (*made.SumDB < 20):
			t.Errorf("warnings %q at %v dB", made.Warnings, *made.SumDB)
		}
	}
	quiet := newSong(1000)
	quiet.scale(0)
	if made := finish(t, put(t, quiet, wave(options.Options{}))); made.SumDB != nil || len(made.Warnings) > 0 {
		t.Errorf("of silence: %+v", made)
	}
}

// What lies in place of a raw stem is not followed.
func TestUnixLinksAreNoStems(t *testing.T) {
	t.Parallel()
	job := put(t, newSong(1000), wave(options.Options{}))
	raw := filepath.Join(job.Work.Name(), job.Raw)
	spooltest.Must(t, os.Rename(filepath.Join(raw, "bass.f32"), filepath.Join(raw, "real")))
	spooltest.Must(t, os.Symlink("real", filepath.Join(raw, "bass.f32")))
	var fault *FaultError
	if _, err := Render(t.Context(), job); !errors.As(err, &fault) || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Errorf("Render = %v", err)
	}
	// A file that is already there under the name of a stem is not written over.
	job = put(t, newSong(1000), wave(options.Options{}))
	secret := filepath.Join(t.TempDir(), "secret")
	spooltest.Put(t, secret, "secret")
	spooltest.Must(t, os.Symlink(secret, path(job, "bass.wav")))
	if _, err := Render(t.Context(), job); !errors.Is(err, os.ErrExist) {
		t.Errorf("Render = %v; want os.ErrExist", err)
	}
	spooltest.WantText(t, secret, "secret")
}

func TestClock(t *testing.T) {
	t.Parallel()
	for frame, want := range map[int64]string{0: "0:00.000", MixRate / 2: "0:00.500", 61 * MixRate: "1:01.000", 3725 * MixRate: "1:02:05.000"} {
		if got := clock(frame); got != want {
			t.Errorf("clock(%d) = %q; want %q", frame, got, want)
		}
	}
}
