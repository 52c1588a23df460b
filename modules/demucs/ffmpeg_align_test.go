//go:build unix

package main

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/spooltest"
)

// clickAt is where in its track the click of clickTrack is, in seconds.
const clickAt = 0.25

// clickTrack is a second of a rate with one click, a short burst that codecs keep in its place.
func clickTrack(rate int) []float32 {
	all := make([]float32, 2*rate)
	for i := range rate {
		t := float64(i)/float64(rate) - clickAt
		v := float32(0.8 * math.Exp(-t*t/(2*0.0005*0.0005)))
		all[2*i], all[2*i+1] = v, v
	}
	return all
}

// middle is where the sound of a channel is, in samples.
func middle(samples []float64) float64 {
	var sum, at float64
	for i, v := range samples {
		if math.Abs(v) > 0.08 {
			sum += v
			at += v * float64(i)
		}
	}
	return at / sum
}

// What is heard at a time in the file is in the mix at the same time: where the sound of a video
// begins late, where an encoder puts something before it, where a list of edits cuts it.
func TestFfmpegKeepsTheTime(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	picture := []string{"-f", "lavfi", "-i", "color=size=64x64:rate=25:duration=2"}
	cover := sound(t, "cover.png", "-f", "lavfi", "-i", "color=size=64x64", "-frames:v", "1")
	late := func(codec ...string) []string {
		return slices.Concat(picture, []string{"-itsoffset", "0.5", "-i", "TRACK", "-map", "0:v", "-map", "1:a"}, codec)
	}
	tests := []struct {
		name string
		rate int
		args []string
		// at is when the click is heard, in seconds; off by how many samples it may be.
		at, off float64
		// frames is how long the mix is; 0 for whatever.
		frames int64
	}{
		{"pcm.mov", 44100, late("-c:v", "mpeg4", "-c:a", "pcm_s24le"), 0.75, 0.01, 66150},
		{"other rate.mov", 48000, late("-c:v", "mpeg4", "-c:a", "pcm_s24le"), 0.75, 0.01, 66150},
		{"pcm.mkv", 44100, late("-c:v", "mpeg4", "-c:a", "pcm_s24le"), 0.75, 0.01, 66150},
		{"aac.mp4", 44100, late("-c:v", "mpeg4", "-c:a", "aac", "-b:a", "256k"), 0.75, 44, 0},
		{"vorbis.webm", 44100, late("-c:v", "libvpx", "-c:a", "libvorbis", "-q:a", "9"), 0.75, 44, 0},
		// The encoder's own delay: 481 samples at 44.1 kHz.
		{"mp2.ts", 48000, late("-c:v", "mpeg2video", "-c:a", "mp2", "-b:a", "384k"), 0.75, 44, 0},
		{"late in nothing.mov", 44100, []string{"-itsoffset", "0.5", "-i", "TRACK", "-c:a", "pcm_s24le"}, 0.75, 0.01, 66150},
		{"primed.m4a", 44100, []string{"-i", "TRACK", "-c:a", "aac", "-b:a", "256k"}, clickAt, 1, 44100},
		{"primed.mp3", 44100, []string{"-i", "TRACK", "-c:a", "libmp3lame", "-b:a", "320k"}, clickAt, 1, 44100},
		{"primed.opus", 48000, []string{"-i", "TRACK", "-c:a", "libopus", "-b:a", "256k"}, clickAt, 1, 44100},
		{"primed.ogg", 44100, []string{"-i", "TRACK", "-c:a", "libvorbis", "-q:a", "9"}, clickAt, 1, 44100},
		{"cover.m4a", 44100, []string{
			"-i", "TRACK", "-i", cover, "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic", "-c:a", "aac",
		}, clickAt, 1, 44100},
		{"early picture.mkv", 44100, slices.Concat([]string{"-i", "TRACK", "-itsoffset", "0.5"}, picture,
			[]string{"-map", "0:a", "-map", "1:v", "-c:v", "mpeg4", "-c:a", "pcm_s24le"}), clickAt, 0.01, 44100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			track := writeTemp(t, "track.wav", floatWAV(tt.rate, 2, 3, clickTrack(tt.rate)))
			args := slices.Clone(tt.args)
			args[slices.Index(args, "TRACK")] = track
			mix, d, err := decodeReal(t, ffmpeg, sound(t, tt.name, args...))
			spooltest.Must(t, err)
			left, _ := readMix(t, mix)
			if at := middle(left); math.Abs(at-tt.at*mixRate) > tt.off {
				t.Errorf("the click is at %.2f, which is %.2f samples late", at, at-tt.at*mixRate)
			}
			if tt.frames > 0 && d.frames != tt.frames {
				t.Errorf("%d frames; want %d", d.frames, tt.frames)
			}
			if len(d.warnings) > 0 {
				t.Errorf("warnings = %q", d.warnings)
			}
		})
	}
}

// Four seconds of AAC, with what its encoder adds, are four seconds.
func TestFfmpegTakesOffWhatAnEncoderAdded(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	known := writeTemp(t, "known.wav", floatWAV(44100, 2, 3, sweepFrames(44100, 4)))
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"a.m4a", []string{"-c:a", "aac"}},
		{"a.mp3", []string{"-c:a", "libmp3lame"}},
		{"a.opus", []string{"-c:a", "libopus"}},
	} {
		_, d, err := decodeReal(t, ffmpeg, sound(t, tt.name, append([]string{"-i", known}, tt.args...)...))
		if err != nil || d.frames != 176_400 || len(d.warnings) > 0 {
			t.Errorf("%s: %+v, %v; want 176400 frames", tt.name, d, err)
		}
	}
}

// What is cut off or damaged is separated, and people are told.
func TestFfmpegTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	cut := func(data []byte) []byte { return data[:len(data)/2] }
	spoil := func(data []byte) []byte {
		for i := range 3000 {
			data[len(data)/2+i] ^= byte(37*i + 1)
		}
		return data
	}
	tests := []struct {
		name    string
		args    []string
		damage  func([]byte) []byte
		seconds float64 // about
		want    string
	}{
		{"cut.wav", nil, cut, 2, "the file says that it plays for 4s, and only 2s could be decoded"},
		{"cut.flac", nil, cut, 2, "the file says that it plays for 4s, and only"},
		{"cut.mp3", []string{"-c:a", "libmp3lame", "-b:a", "128k"}, cut, 2, "the file says that it plays for 4"},
		{"cut.m4a", []string{"-c:a", "aac", "-movflags", "+faststart"}, cut, 2, "the file says that it plays for 4s, and only"},
		{"spoiled.flac", nil, spoil, 3.9, "the song is damaged: "},
		{"spoiled.m4a", []string{"-c:a", "aac"}, spoil, 3.9, "the song is damaged: "},
		{"spoiled.mp3", []string{"-c:a", "libmp3lame", "-b:a", "128k"}, spoil, 3.9, "the song is damaged: "},
		{"whole.mp3", []string{"-c:a", "libmp3lame", "-b:a", "128k"}, func(d []byte) []byte { return d }, 4, ""},
	}
	known := writeTemp(t, "known.wav", floatWAV(44100, 2, 3, sweepFrames(44100, 4)))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := sound(t, tt.name, append([]string{"-i", known}, tt.args...)...)
			data, err := os.ReadFile(path)
			spooltest.Must(t, err)
			_, d, err := decodeReal(t, ffmpeg, writeTemp(t, tt.name, tt.damage(data)))
			spooltest.Must(t, err)
			if got := float64(d.frames) / mixRate; math.Abs(got-tt.seconds) > 0.2 {
				t.Errorf("%.2f s; want about %g", got, tt.seconds)
			}
			if all := strings.Join(d.warnings, "; "); (tt.want == "") != (all == "") || !strings.Contains(all, tt.want) {
				t.Errorf("warnings = %q; want %q", d.warnings, tt.want)
			}
		})
	}
}
