package render

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/peaks"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/tags"
)

// step is the distance of two neighbouring samples.
func step(bits string) float64 {
	switch bits {
	case options.Bits16:
		return 1.0 / (1 << 15)
	case options.Bits24:
		return 1.0 / (1 << 23)
	default:
		return 1.0 / (1 << 24)
	}
}

func TestTheFilesHoldTheStems(t *testing.T) {
	t.Parallel()
	for _, bits := range []string{options.Bits16, options.Bits24, options.BitsFloat} {
		s := newSong(3*blockFrames + 17)
		job := put(t, s, wave(options.Options{Bits: bits}))
		made := finish(t, job)
		if want := []string{"vocals.wav", "drums.wav", "bass.wav", "other.wav"}; !slices.Equal(made.Files, want) ||
			made.Gain != 1 || made.Rate != MixRate || made.Frames != job.Frames || len(made.Warnings) > 0 {
			t.Errorf("made = %+v", made)
		}
		for _, name := range sources() {
			if d := farthest(t, samplesOf(t, path(job, name+".wav")), s.stems[name], 1); d > step(bits)/2 {
				t.Errorf("%s with %s bits differs by %g", name, bits, d)
			}
			info, err := os.Stat(path(job, name+".wav"))
			if err != nil || info.Mode().Perm()&^place.FileMode != 0 {
				t.Errorf("%s is %v, %v", name, info.Mode(), err)
			}
		}
		left, err := os.ReadDir(filepath.Join(job.Work.Name(), job.Raw))
		if err != nil || len(left) > 0 || place.Exists(filepath.Join(job.Work.Name(), job.Mix)) {
			t.Errorf("raw files are left: %v, %v", left, err)
		}
	}
}

// The waveforms are those of the files, also of what is added up, made quieter and cut off.
func TestThePeaksAreThoseOfTheFiles(t *testing.T) {
	t.Parallel()
	for _, change := range []options.Options{
		{}, {Bits: "24", TwoStems: "vocals"}, {Bits: "float", Sum: options.SumExact, Stems: []string{"other"}}, {Clip: options.Clamp}, {Bits: "float", Clip: options.ClipNone},
	} {
		s := newSong(3*blockFrames + 17)
		s.scale(7)
		job := put(t, s, wave(change))
		made := finish(t, job)
		if p := made.Peaks; p.DurationSeconds != float64(job.Frames)/MixRate || p.Bins != peaks.MostBins || len(p.Stems) != len(made.Files) {
			t.Errorf("peaks of %v: %v s, %d bins, %d stems", change, p.DurationSeconds, p.Bins, len(p.Stems))
		}
		for i, stem := range made.Peaks.Stems {
			samples := samplesOf(t, path(job, made.Files[i]))
			if stem.File != made.Files[i] {
				t.Errorf("peaks of %s; want %s", stem.File, made.Files[i])
			}
			for bin := range peaks.MostBins {
				part := samples[int64(bin)*job.Frames/peaks.MostBins*channels : int64(bin+1)*job.Frames/peaks.MostBins*channels]
				low, high := max(-1, min(1, slices.Min(part)))*peaks.Full, max(-1, min(1, slices.Max(part)))*peaks.Full
				if math.Abs(float64(stem.Min[bin])-low) > 0.51 || math.Abs(float64(stem.Max[bin])-high) > 0.51 {
					t.Fatalf("%s of %v, bin %d: %d to %d; want %v to %v", stem.File, change, bin, stem.Min[bin], stem.Max[bin], low, high)
				}
			}
		}
	}
}

// Other programs read the same samples.
func TestFfmpegReadsTheFiles(t *testing.T) {
	t.Parallel()
	for _, change := range []options.Options{
		{Bits: "16"}, {Bits: "24"}, {Bits: "float"}, {Format: "flac", Bits: "16"}, {Format: "flac", Bits: "24"},
	} {
		s := newSong(blockFrames + 4711)
		job := withFFmpeg(t, put(t, s, wave(change)))
		for _, name := range finish(t, job).Files {
			stem := strings.TrimSuffix(name, filepath.Ext(name))
			if d := farthest(t, decoded(t, path(job, name)), s.stems[stem], 1); d > step(change.Bits)/2 {
				t.Errorf("%s of %v differs by %g", name, change, d)
			}
		}
	}
}

func TestLoudStemsAreScaledAlike(t *testing.T) {
	t.Parallel()
	tests := []struct {
		bits, clip string
		scaled     bool
		most       float64
	}{
		{options.Bits16, options.Rescale, true, 32767.0 / 32768},
		{options.Bits24, options.Rescale, true, 8388607.0 / 8388608},
		{options.BitsFloat, options.Rescale, false, 0},
		{options.Bits16, options.Clamp, false, 1},
		{options.BitsFloat, options.Clamp, false, 1},
		{options.Bits16, options.ClipNone, false, 1},
		{options.BitsFloat, options.ClipNone, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.bits+" "+tt.clip, func(t *testing.T) {
			t.Parallel()
			s := newSong(blockFrames * 2)
			s.scale(7)
			peak := 0.0
			for _, stem := range s.stems {
				peak = max(peak, loudest(stem))
			}
			job := put(t, s, wave(options.Options{Bits: tt.bits, Clip: tt.clip}))
			made := finish(t, job)
			want := 1.0
			if tt.scaled {
				want = tt.most / peak
			}
			if made.Gain != want || (made.Gain < 1) != (len(made.Warnings) == 1) {
				t.Errorf("gain %v, warnings %q; want %v for a peak of %v", made.Gain, made.Warnings, want, peak)
			}
			for _, name := range sources() {
				got := samplesOf(t, path(job, name+".wav"))
				for i, x := range s.stems[name] {
					y := float64(x) * want
					if tt.most > 0 {
						y = max(-1, min(y, tt.most))
					}
					if math.Abs(got[i]-y) > step(tt.bits)/2*1.0001 && !(y > 0.9999 && got[i] > 0.9999) {
						t.Fatalf("%s: sample %d is %v; want %v", name, i, got[i], y)
					}
				}
			}
		})
	}
}

func TestAnExactSumIsTheMix(t *testing.T) {
	t.Parallel()
	for _, loud := range []float32{1, 7} {
		for _, bits := range []string{options.Bits16, options.Bits24, options.BitsFloat} {
			s := newSong(blockFrames + 99)
			s.scale(loud)
			job := put(t, s, wave(options.Options{Bits: bits, Sum: options.SumExact}))
			made := finish(t, job)
			var all [][]float64
			for _, file := range made.Files {
				all = append(all, samplesOf(t, path(job, file)))
			}
			// Each of four files is off by half a step at most.
			within := 2 * step(bits)
			if bits == options.BitsFloat {
				within = 1e-6
			}
			if d := farthest(t, sumOf(all...), s.mix, made.Gain); d > within {
				t.Errorf("the sum of the stems with %s bits differs by %g from the mix; want %g", bits, d, within)
			}
			if made.SumDB == nil || *made.SumDB < 25 || *made.SumDB > 45 {
				t.Errorf("the sum of the model's stems is within %v dB", *made.SumDB)
			}
		}
	}
}

// The song without its vocals is the sum of the model's other stems, or with an exact sum the mix minus the vocals.
func TestInstrumental(t *testing.T) {
	t.Parallel()
	const frames, name = blockFrames + 3, "Song v1.2 (Instrumental)"
	for _, ask := range []options.Options{
		{Output: options.OutputInstrumental},
		{Output: options.OutputInstrumental, Sum: options.SumExact},
		{Output: options.OutputBoth},
		{Output: options.OutputBoth, Sum: options.SumExact, Stems: []string{"drums", "vocals"}},
		{Output: options.OutputBoth, TwoStems: "bass"},
	} {
		s := newSong(frames)
		ask.Bits = options.BitsFloat
		job := put(t, s, wave(ask))
		job.Instrumental, job.Tags = name, tags.Tags{"title": "Song v1.2"}
		room, err := job.Room()
		spooltest.Must(t, err)
		made := finish(t, job)
		if want := append(wave(ask).Files(options.DefaultStems), name+".wav"); !slices.Equal(made.Files, want) {
			t.Errorf("%v made %q; want %q", ask, made.Files, want)
		}
		if least := int64(len(made.Files)) * frames * RawFrame; room < least {
			t.Errorf("%v: %d bytes of room for files of %d", ask, room, least)
		}
		want := make([]float32, frames*channels)
		for i := range want {
			want[i] = s.mix[i] - s.stems["vocals"][i]
			if ask.Sum != options.SumExact {
				want[i] = s.stems["drums"][i] + s.stems["bass"][i] + s.stems["other"][i]
			}
		}
		data, err := os.ReadFile(path(job, name+".wav"))
		spooltest.Must(t, err)
		info := bytes.Index(data, []byte("LIST"))
		if info < 0 || !bytes.Contains(data[info:], []byte("Song v1.2 (Instrumental)\x00")) {
			t.Fatal("it has no title of its own")
		}
		samples := data[info-frames*channels*4:][:frames*channels*4]
		for i := range want {
			if got := math.Float32frombits(binary.LittleEndian.Uint32(samples[4*i:])); math.Abs(float64(got-want[i])) > 1e-6 {
				t.Fatalf("%v: sample %d is %g; want %g", ask, i, got, want[i])
			}
		}
		if left, _ := os.ReadDir(filepath.Join(job.Work.Name(), job.Raw)); len(left) > 0 {
			t.Errorf("%v left %v", ask, left)
		}
	}
}

func TestTwoStemsAndSomeStems(t *testing.T) {
	t.Parallel()
	const frames = blockFrames + 3
	tests := []struct {
		ask   options.Options
		files []string
		// of says what each file is made of: the stems, or the mix without them.
		of      [][]string
		without bool
	}{
		{options.Options{TwoStems: "vocals"}, []string{"vocals.wav", "no_vocals.wav"}, [][]string{{"vocals"}, {"drums", "bass", "other"}}, false},
		{options.Options{TwoStems: "vocals", Sum: options.SumExact}, []string{"vocals.wav", "no_vocals.wav"}, [][]string{{"vocals"}, {"vocals"}}, true},
		{options.Options{TwoStems: "other", Sum: options.SumExact}, []string{"other.wav", "no_other.wav"}, [][]string{{"drums", "bass", "vocals"}, {"drums", "bass", "vocals"}}, false},
		{options.Options{Stems: []string{"drums", "vocals"}}, []string{"vocals.wav", "drums.wav"}, [][]string{{"vocals"}, {"drums"}}, false},
		{options.Options{Stems: []string{"other"}, Sum: options.SumExact}, []string{"other.wav"}, [][]string{{"drums", "bass", "vocals"}}, true},
		{options.Options{Stems: []string{"bass"}, Sum: options.SumExact}, []string{"bass.wav"}, [][]string{{"bass"}}, false},
	}
	for _, tt := range tests {
		s := newSong(frames)
		tt.ask.Bits = options.BitsFloat
		job := put(t, s, wave(tt.ask))
		made := finish(t, job)
		if !slices.Equal(made.Files, tt.files) {
			t.Errorf("%v made %q; want %q", tt.ask, made.Files, tt.files)
			continue
		}
		for n, file := range made.Files {
			want := make([]float32, frames*channels)
			for _, name := range tt.of[n] {
				for i, x := range s.stems[name] {
					want[i] += x
				}
			}
			// The last file is what is left of the mix where the test says so; for other itself, the first.
			if (tt.without && n == len(made.Files)-1) || (tt.ask.TwoStems == "other" && n == 0) {
				for i := range want {
					want[i] = s.mix[i] - want[i]
				}
			}
			if d := farthest(t, samplesOf(t, path(job, file)), want, 1); d > 1e-6 {
				t.Errorf("%v: %s differs by %g", tt.ask, file, d)
			}
		}
		entries, _ := os.ReadDir(filepath.Join(job.Work.Name(), job.Out))
		if left, _ := os.ReadDir(filepath.Join(job.Work.Name(), job.Raw)); len(left) > 0 || len(entries) != len(tt.files) {
			t.Errorf("%v left %v and made %v", tt.ask, left, entries)
		}
	}
}

func TestWhatTheModelDoesNotHave(t *testing.T) {
	t.Parallel()
	for want, job := range map[string]Job{
		`no stem "piano"`:        {Sources: sources(), Options: wave(options.Options{Stems: []string{"piano"}}), Frames: 1},
		`no stem "other"`:        {Sources: []string{"vocals", "drums"}, Options: wave(options.Options{Sum: options.SumExact}), Frames: 1},
		`"flac" with "float"`:    {Sources: sources(), Options: wave(options.Options{Format: "flac", Bits: "float"}), Frames: 1},
		`the mix is empty`:       {Sources: sources(), Options: wave(options.Options{})},
		`no stem "guitar": it h`: {Sources: sources(), Options: wave(options.Options{TwoStems: "guitar"}), Frames: 1},
	} {
		if _, err := Render(t.Context(), job); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Render = %v; want %q", err, want)
		}
		if _, err := job.Room(); err == nil {
			t.Errorf("Room took it: %s", want)
		}
	}
}

// Never more than what Room says is on the disk.
func TestRoomAndProgress(t *testing.T) {
	t.Parallel()
	for _, ask := range []options.Options{
		{}, {Bits: options.BitsFloat}, {Sum: options.SumExact, Bits: "24"}, {TwoStems: "drums", Bits: "float"}, {Stems: []string{"vocals"}},
	} {
		s := newSong(10 * blockFrames)
		job := put(t, s, wave(ask))
		room, err := job.Room()
		spooltest.Must(t, err)
		last, most := 0, int64(0)
		job.Progress = func(done, total int) {
			if done <= last || total != 100 {
				t.Errorf("progress %d of %d after %d", done, total, last)
			}
			last = done
			most = max(most, folderSize(job.Work.Name()))
		}
		finish(t, job)
		if last != 100 {
			t.Errorf("progress ended at %d", last)
		}
		mix := job.Frames * RawFrame
		if most > room+mix+4096 || most < (room+mix)*9/10 {
			t.Errorf("%v takes %d bytes; Room says %d and the mix has %d", ask, most, room, mix)
		}
		if room < mix*int64(len(sources())) {
			t.Errorf("Room = %d for raw stems of %d", room, mix*int64(len(sources())))
		}
	}
}

func folderSize(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}

func TestAStoppedJobEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	job := put(t, newSong(20*blockFrames), wave(options.Options{}))
	job.Progress = func(done, _ int) {
		if done > 40 {
			cancel()
		}
	}
	if _, err := Render(ctx, job); !errors.Is(err, context.Canceled) {
		t.Errorf("Render = %v", err)
	}
}

// All that is ever allocated is little, so the peak is as well, however long a song is.
func TestMemoryDoesNotGrowWithTheSong(t *testing.T) { //nolint:paralleltest // Others would be measured as well.
	for _, frames := range []int{blockFrames, 40 * blockFrames} {
		job := put(t, newSong(frames), wave(options.Options{Sum: options.SumExact}))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		finish(t, job)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("finishing %d frames allocated %d bytes", frames, n)
		}
	}
}

// A minute of music for each operation.
func BenchmarkRender(b *testing.B) {
	for _, bits := range []string{options.Bits16, options.Bits24, options.BitsFloat} {
		b.Run(bits, func(b *testing.B) {
			s := newSong(60 * MixRate)
			for range b.N {
				b.StopTimer()
				job := put(b, s, wave(options.Options{Bits: bits}))
				b.StartTimer()
				if _, err := Render(b.Context(), job); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Nobody is told of what nobody hears.
func TestAGainThatNobodyHears(t *testing.T) {
	t.Parallel()
	for gain, want := range map[float64]int{1: 0, 0.9999: 0, 0.99: 1} {
		if made := (&renderer{}).made(findings{}, gain); len(made.Warnings) != want || made.Gain != gain {
			t.Errorf("%v: %+v; want %d warnings", gain, made, want)
		}
	}
}
