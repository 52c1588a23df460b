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

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// The tests in this file need ffmpeg and nothing else, and their names begin with TestFfmpeg:
// compiled with "go test -c", they run in the service's own image as the app user, with a
// read-only root and a small /tmp. IM2_REQUIRE_FFMPEG=1 makes what cannot run there fail.

// realFFmpeg leaves the test out, with the reason, where no ffmpeg was asked for. The one of
// this machine is of another version than the image's, and trying both takes minutes.
func realFFmpeg(t *testing.T) string {
	t.Helper()
	if !spooltest.Required() {
		spooltest.LeaveOut(t, "decoding real files: the image's ffmpeg does (test-in-image); with IM2_REQUIRE_FFMPEG=1 and not as root, this machine's")
	}
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		spooltest.LeaveOut(t, "decoding real files: %v; install ffmpeg", err)
	}
	return path
}

// sound makes a file. It leaves the test out when ffmpeg lacks the encoder.
func sound(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	all := append([]string{"-nostdin", "-v", "error"}, args...)
	out, err := exec.CommandContext(t.Context(), spooltest.FullFFmpeg(), append(all, path)...).CombinedOutput()
	if err != nil {
		spooltest.LeaveOut(t, "this ffmpeg cannot make %s: %v: %s", name, err, out)
	}
	return path
}

// real lets the bench decode with the real programs.
func (b *bench) real(ffmpeg string) {
	b.t.Helper()
	b.settings.ffmpeg, b.settings.ffprobe = ffmpeg, filepath.Join(filepath.Dir(ffmpeg), "ffprobe")
}

// decodeReal decodes a copy of the file at path, and returns the mix and what is known of it.
func decodeReal(t *testing.T, ffmpeg, path string) (mix string, d decoded, err error) {
	t.Helper()
	b := newBench(t, "ffmpeg", "engine")
	b.real(ffmpeg)
	data, err := os.ReadFile(path)
	spooltest.Must(t, err)
	j := b.add(filepath.Base(path), string(data))
	j.Size = int64(len(data))
	mix = filepath.Join(t.TempDir(), mixName)
	d, err = b.decode(t.Context(), j, mix)
	if info, statErr := os.Stat(mix); err == nil && (statErr != nil || info.Size() != d.frames*mixFrameSize) {
		t.Errorf("the mix of %d frames is %v, %v", d.frames, info, statErr)
	}
	return mix, d, err
}

// loudest returns the largest sample of a mix.
func loudest(t *testing.T, mix string) float64 {
	t.Helper()
	left, right := readMix(t, mix)
	peak := 0.0
	for i := range left {
		peak = max(peak, math.Abs(left[i]), math.Abs(right[i]))
	}
	return peak
}

// A track that goes beyond full scale, as many MP3 files do when decoded, is not clipped.
func TestFfmpegDoesNotClipLoudTracks(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	path := sound(t, "loud.wav", "-f", "lavfi", "-i", "sine=duration=1", "-af", "volume=30dB", "-c:a", "pcm_f32le")
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
			return sound(t, "v.mp4", "-f", "lavfi", "-i", "color=size=64x64:duration=1", "-c:v", "mpeg4")
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
			_, d, err := decodeReal(t, ffmpeg, tt.make(t))
			var rejected *rejection
			if !errors.As(err, &rejected) || !strings.Contains(rejected.reason, tt.want) {
				t.Errorf("decode = %+v, %v; want a rejection with %q", d, err, tt.want)
			}
		})
	}
}

// A track that is too long takes no more room than the longest that is allowed, whether its file
// says how long it is or not, and people are told how long it is.
func TestFfmpegTakesNoMoreRoomThanTheLongestTrack(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	for name, most := range map[string]int64{"says it.wav": 0, "says nothing.aac": mixRate * mixFrameSize} {
		path := sound(t, name, "-f", "lavfi", "-i", "anullsrc=sample_rate=8000:channel_layout=mono", "-t", "600")
		b := newBench(t, "ffmpeg", "engine")
		b.real(ffmpeg)
		b.settings.longest = time.Second
		data, err := os.ReadFile(path)
		spooltest.Must(t, err)
		j := b.add(name, string(data))
		j.Size = int64(len(data))
		_, err = b.decode(t.Context(), j, j.Path(mixName))
		var rejected *rejection
		if !errors.As(err, &rejected) || !strings.Contains(rejected.reason, "plays for 10m0s, and at most 1s can be separated") {
			t.Errorf("%s: decode = %v; want a rejection", name, err)
		}
		size := int64(0)
		if info, err := os.Stat(j.Path(mixName)); err == nil {
			size = info.Size()
		}
		if size != most {
			t.Errorf("%s: the mix has %d bytes; want %d", name, size, most)
		}
	}
}

// A file that claims a day and has a second is decoded, also on a disk that has no room for a day.
func TestFfmpegDoesNotBelieveALengthThatTheSizeCannotBear(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	path := sound(t, "a.flac", "-f", "lavfi", "-i", "sine=duration=1:sample_rate=44100")
	data, err := os.ReadFile(path)
	spooltest.Must(t, err)
	const totalAt = 8 + 10 // The number of samples, 36 bits, in the header.
	binary.BigEndian.PutUint64(data[totalAt:], binary.BigEndian.Uint64(data[totalAt:])&^(1<<36-1)|25*3600*mixRate)
	spooltest.Must(t, os.WriteFile(path, data, 0o600))
	_, d, err := decodeReal(t, ffmpeg, path)
	if err != nil || d.frames != mixRate || len(d.warnings) != 1 || !strings.Contains(d.warnings[0], "says that it plays for 25h0m0s, and only 1s") {
		t.Errorf("decoded = %+v, %v", d, err)
	}
}

// The whole way of a real file through the worker, with an engine that only counts.
func TestFfmpegDecodesASongOnItsWay(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	path := sound(t, "a.flac", "-f", "lavfi", "-i", "sine=duration=0.1:sample_rate=44100")
	b := newBench(t, "ffmpeg", "engine")
	b.real(ffmpeg)
	data, err := os.ReadFile(path)
	spooltest.Must(t, err)
	id := b.add("-rf \"\n.flac", string(data)).ID
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
	if j := b.in(job.Separated, id); j.DurationSeconds != 0.1 {
		t.Errorf("duration = %v", j.DurationSeconds)
	}
}
