//go:build unix

package main

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/modules/internal/spool"
	"github.com/im2-audio/im2/modules/internal/spooltest"
)

// The tests in this file need ffmpeg and nothing else, and their names begin with TestFfmpeg:
// compiled with "go test -c", they run in the service's own image as the app user, with a
// read-only root and a small /tmp. IM2_REQUIRE_FFMPEG=1 makes what cannot run there fail.

// realFFmpeg leaves the test out, with the reason, where there is no ffmpeg.
func realFFmpeg(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		spooltest.LeaveOut(t, "decoding real files: %v; install ffmpeg", err)
	}
	return path
}

// sound makes a file with the real ffmpeg. It leaves the test out when that lacks the encoder.
func sound(t *testing.T, ffmpeg, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	all := append([]string{"-nostdin", "-v", "error"}, args...)
	out, err := exec.CommandContext(t.Context(), ffmpeg, append(all, path)...).CombinedOutput()
	if err != nil {
		spooltest.LeaveOut(t, "this ffmpeg cannot make %s: %v: %s", name, err, out)
	}
	return path
}

// decodeReal decodes a copy of the file at path, and returns the mix and its frames.
func decodeReal(t *testing.T, ffmpeg, path string) (mix string, frames int64, err error) {
	t.Helper()
	b := newBench(t, "ffmpeg", "engine")
	b.settings.ffmpeg = ffmpeg
	data, err := os.ReadFile(path)
	spooltest.Must(t, err)
	job := b.add(filepath.Base(path), string(data))
	mix = filepath.Join(t.TempDir(), "mix.wav")
	frames, err = b.decode(t.Context(), job, mix)
	return mix, frames, err
}

func TestFfmpegDecodesFilesOfManyKinds(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	tone := []string{"-f", "lavfi", "-i", "sine=frequency=440:duration=1:sample_rate=44100"}
	picture := []string{"-f", "lavfi", "-i", "color=size=64x64:duration=1"}
	tests := map[string][]string{
		"a.wav":       tone,
		"u8.wav":      append(tone, "-c:a", "pcm_u8"),
		"f64.wav":     append(tone, "-c:a", "pcm_f64le"),
		"wide.wav":    append(tone, "-ar", "384000"),
		"low.wav":     append(tone, "-ar", "8000"),
		"5.1.wav":     append(tone, "-ac", "6"),
		"a.mp3":       tone,
		"a.flac":      tone,
		"a.ogg":       append(tone, "-c:a", "libvorbis"),
		"a.opus":      append(tone, "-c:a", "libopus"),
		"a.m4a":       append(tone, "-c:a", "aac"),
		"a.aac":       append(tone, "-c:a", "aac"),
		"a.aiff":      tone,
		"a.au":        tone,
		"a.wma":       append(tone, "-c:a", "wmav2"),
		"a.mka":       append(tone, "-c:a", "flac"),
		"a.webm":      append(tone, "-c:a", "libopus"),
		"picture.mp4": append(append(tone, picture...), "-c:a", "aac", "-c:v", "mpeg4"),
		"picture.avi": append(append(tone, picture...), "-c:a", "pcm_s16le", "-c:v", "mpeg4"),
		"a.mpg":       append(append(tone, picture...), "-c:a", "mp2", "-c:v", "mpeg1video", "-r", "25"),
		"a.flv":       append(append(tone, picture...), "-c:a", "aac", "-c:v", "flv"),
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mix, frames, err := decodeReal(t, ffmpeg, sound(t, ffmpeg, name, args...))
			spooltest.Must(t, err)
			// Encoders of lossy formats cut off or add a little at the ends.
			if frames < mixRate*95/100 || frames > mixRate*12/10 {
				t.Errorf("%d frames; want about one second", frames)
			}
			if w, err := readWAV(mix); err != nil || w != (wavInfo{mixChannels, mixRate, frames}) {
				t.Errorf("mix = %+v, %v", w, err)
			}
			if peak := loudest(t, mix); peak < 0.05 {
				t.Errorf("the loudest sample is %v: it is silent", peak)
			}
		})
	}
}

// loudest returns the largest sample of a mix.
func loudest(t *testing.T, mix string) float64 {
	t.Helper()
	data, err := os.ReadFile(mix)
	spooltest.Must(t, err)
	peak := 0.0
	for data = data[wavHeader:]; len(data) >= 4; data = data[4:] {
		sample := math.Float32frombits(binary.LittleEndian.Uint32(data))
		peak = max(peak, math.Abs(float64(sample)))
	}
	return peak
}

// A track that goes beyond full scale, as many MP3 files do when decoded, is not clipped.
func TestFfmpegDoesNotClipLoudTracks(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	path := sound(t, ffmpeg, "loud.wav", "-f", "lavfi", "-i", "sine=duration=1", "-af", "volume=30dB", "-c:a", "pcm_f32le")
	mix, _, err := decodeReal(t, ffmpeg, path)
	spooltest.Must(t, err)
	if peak := loudest(t, mix); peak < 2 {
		t.Errorf("the loudest sample is %v; want it beyond 1", peak)
	}
}

func TestFfmpegRejectsWhatCannotBeSeparated(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	secret := filepath.Join(t.TempDir(), "secret.wav")
	spooltest.Must(t, os.WriteFile(secret, pcm16(mixRate), place.FileMode))
	text := func(content string) func(t *testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			path := filepath.Join(t.TempDir(), "x.mp3")
			spooltest.Must(t, os.WriteFile(path, []byte(content), 0o600))
			return path
		}
	}
	tests := []struct {
		name string
		make func(t *testing.T) string
		want string
	}{
		{"pictures alone", func(t *testing.T) string {
			t.Helper()
			return sound(t, ffmpeg, "v.mp4", "-f", "lavfi", "-i", "color=size=64x64:duration=1", "-c:v", "mpeg4")
		}, "holds no sound"},
		{"no samples", text(string(pcm16(0))), "holds no sound"},
		{"text", text("This is no song."), "could not be decoded"},
		{"random bytes after a tag", text("ID3\x03\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x01\x9f", 5000)), "could not be decoded"},
		{"list of streams", text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + secret + "\n#EXT-X-ENDLIST\n"), "could not be decoded"},
		{"script that joins files", text("ffconcat version 1.0\nfile '" + secret + "'\n"), "could not be decoded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, frames, err := decodeReal(t, ffmpeg, tt.make(t))
			var rejected *rejection
			if !errors.As(err, &rejected) || !strings.Contains(rejected.reason, tt.want) {
				t.Errorf("decode = %d frames, %v; want a rejection with %q", frames, err, tt.want)
			}
		})
	}
}

// Hours of silence take no more room than the longest track that is allowed, and people are
// told how long they are.
func TestFfmpegTakesNoMoreRoomThanTheLongestTrack(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	path := sound(t, ffmpeg, "long.flac", "-f", "lavfi", "-i", "anullsrc=sample_rate=8000:channel_layout=mono", "-t", "600")
	b := newBench(t, "ffmpeg", "engine")
	b.settings.ffmpeg, b.settings.longest = ffmpeg, time.Second
	data, err := os.ReadFile(path)
	spooltest.Must(t, err)
	job := b.add("long.flac", string(data))
	_, err = b.decode(t.Context(), job, job.Path("mix.wav"))
	var rejected *rejection
	if !errors.As(err, &rejected) || !strings.Contains(rejected.reason, "plays for 10m0s, and at most 1s can be separated") {
		t.Errorf("decode = %v; want a rejection", err)
	}
	if info, err := os.Stat(job.Path("mix.wav")); err != nil || info.Size() > 3*mixRate*mixFrameSize {
		t.Errorf("the mix has %d bytes; want it cut off", info.Size())
	}
}

// The whole way of a real file through the worker, with an engine that only counts.
func TestFfmpegDecodesASongOnItsWay(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	path := sound(t, ffmpeg, "a.flac", "-f", "lavfi", "-i", "sine=duration=0.1:sample_rate=44100")
	b := newBench(t, "ffmpeg", "engine")
	b.settings.ffmpeg = ffmpeg
	data, err := os.ReadFile(path)
	spooltest.Must(t, err)
	id := b.add("-rf \"\n.flac", string(data)).ID
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
	if job := b.in(spool.Separated, id); job.DurationSeconds != 0.1 {
		t.Errorf("duration = %v", job.DurationSeconds)
	}
}
