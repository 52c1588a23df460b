package render

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// The same stems give the same bytes, with no version, time or name in them.
func TestFfmpegMakesTheSameBytesAgain(t *testing.T) {
	t.Parallel()
	for _, ask := range []options.Options{
		{Format: "flac", Stems: []string{"bass"}}, {Format: "mp3", Stems: []string{"bass"}}, {Rate: "source", Stems: []string{"bass"}},
	} {
		var before [][]byte
		for range 2 {
			job := withFFmpeg(t, put(t, newSong(MixRate/2), wave(ask)))
			job.SourceRate = 48000
			var now [][]byte
			for _, file := range finish(t, job).Files {
				data, err := os.ReadFile(path(job, file))
				spooltest.Must(t, err)
				now = append(now, data)
				if bytes.Contains(data, []byte("Lavf5")) || bytes.Contains(data, []byte("Lavf6")) || bytes.Contains(data, []byte("Lavf7")) {
					t.Errorf("%s has a version of ffmpeg in it", file)
				}
			}
			if before != nil && !slices.EqualFunc(before, now, bytes.Equal) {
				t.Errorf("%v made other bytes at the second time", ask)
			}
			before = now
		}
	}
}

// An MP3 file is as long as the song when it is decoded, at each rate that there is, and starts with it.
func TestFfmpegMakesGaplessMP3(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{8000, 11025, 22050, 32000, 44100, 48000} {
		s := newSong(2*MixRate + 31)
		job := withFFmpeg(t, put(t, s, wave(options.Options{Format: "mp3", Rate: "source", Stems: []string{"other"}})))
		job.SourceRate, job.SourceFrames = rate, int64(2*rate+23)
		if rate == MixRate {
			job.SourceFrames = job.Frames
		}
		made := finish(t, job)
		if made.Rate != rate || made.Frames != job.SourceFrames {
			t.Errorf("made = %+v", made)
		}
		for _, file := range made.Files {
			got := decoded(t, path(job, file))
			if len(got) != int(job.SourceFrames)*channels {
				t.Errorf("%d Hz: %s decodes to %d frames; want %d", rate, file, len(got)/channels, job.SourceFrames)
			}
			if rate != MixRate {
				continue
			}
			want := s.stems[strings.TrimSuffix(file, ".mp3")]
			noise, energy := 0.0, 0.0
			for i := range want {
				energy += float64(want[i]) * float64(want[i])
				noise += math.Pow(got[i]-float64(want[i]), 2)
			}
			if db := 10 * math.Log10(energy/noise); db < 15 { // Below 0 if it were late by a frame.
				t.Errorf("%s is within %.1f dB of the stem", file, db)
			}
		}
	}
}

// LAME needs one more frame than ffmpeg writes down when 1 to 46 samples are in the last one, and for
// fewer than 47 in all.
func TestFfmpegMakesMP3OfEachLength(t *testing.T) {
	t.Parallel()
	for _, frames := range []int{1, 46, 5*1152 + 1, 5*1152 + 46, 5*1152 + 47} {
		job := withFFmpeg(t, put(t, newSong(frames), wave(options.Options{Format: "mp3", Stems: []string{"bass"}})))
		name := path(job, finish(t, job).Files[0])
		if frames < 1152 {
			continue // No ffmpeg knows an MP3 file by so little.
		}
		if got := len(decoded(t, name)) / channels; got != frames {
			t.Errorf("the file decodes to %d frames; want %d", got, frames)
		}
		file, err := os.Open(name)
		spooltest.Must(t, err)
		wantMP3Tag(t, file, int64(frames))
		spooltest.Must(t, file.Close())
	}
}

// An MP3 file that plays for less than one frame too long is told so itself, with a new checksum.
func TestTheLengthOfAnMP3FileIsFixed(t *testing.T) {
	t.Parallel()
	for _, mpeg1 := range []bool{true, false} {
		head, perFrame, tag := []byte{0xff, 0xfb}, int64(1152), 36
		if !mpeg1 {
			head, perFrame, tag = []byte{0xff, 0xf3}, 576, 21
		}
		const frames, most = 10_000, 575 + 1152
		whole := make([]byte, 1000)
		copy(whole, head)
		copy(whole[tag:], "Info")
		file, err := os.CreateTemp(t.TempDir(), "")
		spooltest.Must(t, err)
		for more := -1; more <= int(perFrame); more++ {
			// The delay is what makes it so much too long.
			padding := most - int(perFrame)
			count := (frames+int64(padding)+2000)/perFrame + 1
			delay := count*perFrame - int64(padding) - frames - int64(more)
			binary.BigEndian.PutUint32(whole[tag+8:], uint32(count))
			ends := uint32(delay)<<12 | uint32(padding)
			whole[tag+141], whole[tag+142], whole[tag+143] = byte(ends>>16), byte(ends>>8), byte(ends)
			_, err := file.WriteAt(whole, 0)
			spooltest.Must(t, err)
			err = finishMP3(file, frames)
			if right := more >= 0 && more < int(perFrame); right != (err == nil) {
				t.Fatalf("%d too long: %v", more, err)
			}
			if err == nil && more > 0 {
				wantMP3Tag(t, file, frames)
			}
		}
		spooltest.Must(t, file.Close())
	}
}

// wantMP3Tag reads the Info tag of a file.
func wantMP3Tag(t *testing.T, file *os.File, frames int64) {
	t.Helper()
	head := make([]byte, 600)
	_, err := file.ReadAt(head, 0)
	spooltest.Must(t, err)
	tag := bytes.Index(head, []byte("Info"))
	perFrame := int64(1152)
	if head[1]&8 == 0 {
		perFrame = 576
	}
	ends := int64(binary.BigEndian.Uint32(head[tag+140:])) & 0xff_ffff
	if got := int64(binary.BigEndian.Uint32(head[tag+8:]))*perFrame - ends>>12 - ends&0xfff; got != frames {
		t.Errorf("the tag says %d frames; want %d", got, frames)
	}
	said := binary.BigEndian.Uint16(head[tag+154:])
	clear(head[tag+154:][:2])
	if sum := crc16(head[:190]); said != sum {
		t.Errorf("the tag's checksum is %#04x; want %#04x", said, sum)
	}
}

// CRC-16/ARC has a published check value.
func TestCRC16(t *testing.T) {
	t.Parallel()
	if got := crc16([]byte("123456789")); got != 0xbb3d {
		t.Errorf("crc16 = %#04x; want 0xbb3d", got)
	}
}

// A rate that a kind of file cannot have is told, and not tried.
func TestARateThatDoesNotFit(t *testing.T) {
	t.Parallel()
	job := withFFmpeg(t, put(t, newSong(MixRate), wave(options.Options{Format: "mp3", Rate: "source", Stems: []string{"bass"}})))
	job.SourceRate, job.SourceFrames = 96000, 96000
	made := finish(t, job)
	if made.Rate != MixRate || made.Frames != job.Frames || len(made.Warnings) != 1 ||
		!strings.Contains(made.Warnings[0], "mp3 files cannot have the song's sample rate of 96000 Hz; these have 44100 Hz") {
		t.Errorf("made = %+v", made)
	}
	for rate, want := range map[int]bool{44100: true, 65535: true, 65537: false, 192000: true, 384000: true, 655360: false} {
		if got := (format{ext: "flac"}).takes(rate); got != want {
			t.Errorf("a FLAC file takes %d Hz: %v", rate, got)
		}
	}
}

// Stems at the rate of the source are as long as that, and neither late nor weaker.
func TestFfmpegResamples(t *testing.T) {
	t.Parallel()
	for _, ask := range []options.Options{{Bits: "float"}, {Bits: "24", Format: "flac"}} {
		for rate, sourceFrames := range map[int]int64{48000: 96000, 96000: 192001, 32000: 63999, 37800: 0} {
			s := newSong(2 * MixRate)
			tones := []float64{97, 997, 6007, 20000}
			for i := range s.stems["bass"] {
				s.stems["bass"][i] = 0
				for _, hz := range tones {
					if hz < float64(rate)*0.43 {
						s.stems["bass"][i] += float32(0.1 * math.Sin(2*math.Pi*hz*float64(i/channels)/MixRate))
					}
				}
			}
			ask.Rate, ask.Stems = options.RateSource, []string{"bass"}
			job := withFFmpeg(t, put(t, s, wave(ask)))
			job.SourceRate, job.SourceFrames = rate, sourceFrames
			made := finish(t, job)
			want := sourceFrames
			if want == 0 {
				want = int64(2 * rate)
			}
			got := decoded(t, path(job, made.Files[0]))
			if made.Rate != rate || made.Frames != want || int64(len(got)) != want*channels {
				t.Errorf("%d Hz: made = %+v, %d frames", rate, made, len(got)/channels)
			}
			noise, energy := 0.0, 0.0
			for i := rate / 10 * channels; i < (2*rate-rate/10)*channels; i++ {
				x := 0.0
				for _, hz := range tones {
					if hz < float64(rate)*0.43 {
						x += 0.1 * math.Sin(2*math.Pi*hz*float64(i/channels)/float64(rate))
					}
				}
				energy += x * x
				noise += (got[i] - x) * (got[i] - x)
			}
			// A hundredth of a sample late would be 38 dB at 20 kHz.
			if db := 10 * math.Log10(energy/noise); db < 100 {
				t.Errorf("%d Hz, %v: within %.1f dB of the truth; want 100", rate, ask.Format, db)
			}
		}
	}
}

// An impulse comes out where it went in.
func TestFfmpegKeepsAnImpulseInItsPlace(t *testing.T) {
	t.Parallel()
	s := newSong(MixRate)
	clear(s.stems["drums"])
	sprinkle(s.stems["drums"])
	const at = 22050
	s.stems["drums"][at*channels], s.stems["drums"][at*channels+1] = 0.9, 0.9
	job := withFFmpeg(t, put(t, s, wave(options.Options{Bits: "float", Rate: "source", Stems: []string{"drums"}})))
	job.SourceRate = 96000
	got := decoded(t, path(job, finish(t, job).Files[0]))
	best := 0
	for i := range got {
		if math.Abs(got[i]) > math.Abs(got[best]) {
			best = i
		}
	}
	if best/channels != 48000 {
		t.Errorf("the impulse is at %d; want 48000", best/channels)
	}
}

// Resampling goes higher than the samples between which it looks: also then nothing clips.
func TestFfmpegDoesNotMakeResampledStemsClip(t *testing.T) {
	t.Parallel()
	s := newSong(MixRate)
	for i := range s.stems["bass"] { // The samples of this sine are all the same, 3 dB below its peaks.
		s.stems["bass"][i] = float32(0.99 * math.Copysign(1, math.Sin(math.Pi*(float64(i/channels)/2+0.25))))
	}
	job := withFFmpeg(t, put(t, s, wave(options.Options{Rate: "source", Stems: []string{"bass"}})))
	job.SourceRate = 96000
	made := finish(t, job)
	if made.Gain > 0.8 || made.Gain < 0.6 || len(made.Warnings) == 0 {
		t.Errorf("made = %+v; want a gain of about 0.71", made)
	}
	peak := 0.0
	for _, x := range decoded(t, path(job, "bass.wav")) {
		peak = max(peak, math.Abs(x))
	}
	if peak < 0.9998 || peak > 32767.0/32768 {
		t.Errorf("the peak is %v", peak)
	}
}

// What fails in ffmpeg is the error, whichever of two runs it is.
func TestFfmpegThatFailsIsTold(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, which := range []string{"resampling", "encoding"} {
		for _, eats := range []bool{false, true} {
			job := put(t, newSong(6*blockFrames), wave(options.Options{Format: "flac", Rate: "source", Clip: "clamp"}))
			job.SourceRate = 48000
			job.FFmpeg = func(_ context.Context, p Process) error {
				if strings.Contains(p.What, which) {
					if eats {
						_, _ = p.Stdin.Read(make([]byte, 100))
					}
					return broken
				}
				return copyAll(p)
			}
			if _, err := Render(t.Context(), job); !errors.Is(err, broken) || strings.Contains(err.Error(), errEncoderEnded.Error()) {
				t.Errorf("%s: Render = %v", which, err)
			}
		}
	}
	job := put(t, newSong(1000), wave(options.Options{Rate: "source"}))
	job.SourceRate = 48000
	job.FFmpeg = func(_ context.Context, p Process) error { return copyAll(p) } // It does not resample.
	if _, err := Render(t.Context(), job); err == nil || !strings.Contains(err.Error(), "ffmpeg made 1000 frames at 48000 Hz; want 1088") {
		t.Errorf("Render = %v", err)
	}
}

func copyAll(p Process) error {
	buf := make([]byte, 3000) // No multiple of a frame.
	for {
		n, err := p.Stdin.Read(buf)
		if n > 0 && p.Stdout != nil {
			if _, err := p.Stdout.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			if err.Error() == "EOF" {
				return nil
			}
			return err
		}
	}
}

// An encoder that says that all is well and left something out is found out.
func TestFfmpegThatMakesTooLittleIsFoundOut(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"flac", "mp3"} {
		ask := wave(options.Options{Format: kind, Stems: []string{"bass"}})
		job := withFFmpeg(t, put(t, newSong(MixRate), ask))
		ffmpeg := job.FFmpeg
		job.FFmpeg = func(ctx context.Context, p Process) error {
			p.Args = slices.Insert(slices.Clone(p.Args), slices.Index(p.Args, "-y"), "-t", "0.9")
			err := ffmpeg(ctx, p)
			_, _ = p.Stdin.Read(nil)
			return err
		}
		if _, err := Render(t.Context(), job); err == nil {
			t.Errorf("%s: a file that lacks a tenth was taken", kind)
		}
		job = put(t, newSong(MixRate), ask)
		job.FFmpeg = func(_ context.Context, p Process) error {
			_, err := p.File.WriteString("x")
			return errors.Join(err, copyAll(p))
		}
		if _, err := Render(t.Context(), job); err == nil || !strings.Contains(err.Error(), "ffmpeg made an incomplete file") {
			t.Errorf("%s: Render = %v", kind, err)
		}
	}
}

// Programs that know nothing of this one agree on what the files are.
func TestOtherProgramsReadTheHeaders(t *testing.T) {
	t.Parallel()
	probe, err := exec.LookPath("ffprobe")
	if err != nil {
		spooltest.LeaveOut(t, "reading stems with ffprobe: %v; install ffmpeg", err)
	}
	sox, _ := exec.LookPath("sox")
	for bits, want := range map[string]string{"16": "pcm_s16le", "24": "pcm_s24le", "float": "pcm_f32le"} {
		job := put(t, newSong(MixRate), wave(options.Options{Bits: bits}))
		finish(t, job)
		out, err := exec.CommandContext(t.Context(), probe, "-v", "error", "-of", "csv=p=0",
			"-show_entries", "stream=codec_name,sample_rate,channels,duration_ts", path(job, "bass.wav")).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want+",44100,2,44100" {
			t.Errorf("ffprobe: %q, %v; want %s", got, err, want)
		}
		if sox == "" {
			continue
		}
		out, err = exec.CommandContext(t.Context(), sox, "--info", "-s", path(job, "bass.wav")).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != "44100" {
			t.Errorf("sox: %q, %v", got, err)
		}
	}
}
