package render

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// The bytes of each header, put together by hand.
func TestWAVHeader(t *testing.T) {
	t.Parallel()
	const huge = 1 << 32
	tests := []struct {
		bits   string
		rate   int
		frames int64
		behind int64
		want   string
	}{
		{"16", 44100, 3, 0, "RIFF" + le(4, 36+12) + "WAVEfmt " + le(4, 16) + le(2, 1) + le(2, 2) + le(4, 44100) + le(4, 176400) + le(2, 4) + le(2, 16) + "data" + le(4, 12)},
		{"24", 48000, 1, 30, "RIFF" + le(4, 36+6+30) + "WAVEfmt " + le(4, 16) + le(2, 1) + le(2, 2) + le(4, 48000) + le(4, 288000) + le(2, 6) + le(2, 24) + "data" + le(4, 6)},
		{"float", 44100, 2, 0, "RIFF" + le(4, 50+16) + "WAVEfmt " + le(4, 18) + le(2, 3) + le(2, 2) + le(4, 44100) + le(4, 352800) + le(2, 8) + le(2, 32) + le(2, 0) +
			"fact" + le(4, 4) + le(4, 2) + "data" + le(4, 16)},
		{"24", 192000, huge, 30, "RF64" + le(4, 0xffffffff) + "WAVEds64" + le(4, 28) + le(8, 72+6*huge+30) + le(8, 6*huge) + le(8, huge) + le(4, 0) +
			"fmt " + le(4, 16) + le(2, 1) + le(2, 2) + le(4, 192000) + le(4, 1152000) + le(2, 6) + le(2, 24) + "data" + le(4, 0xffffffff)},
	}
	for _, tt := range tests {
		f, err := newFormat(options.Options{Format: options.WAV, Bits: tt.bits})
		spooltest.Must(t, err)
		if got := string(wavHeader(f, tt.rate, tt.frames, tt.behind)); got != tt.want {
			t.Errorf("%s bits, %d frames:\n% x; want\n% x", tt.bits, tt.frames, got, tt.want)
		}
	}
	// The last file that is no RF64 file, and the first that is one.
	f, _ := newFormat(options.Options{Format: options.WAV, Bits: "16"})
	last := int64(0xffffffff-36-1) / 4
	if got := string(wavHeader(f, 44100, last, 0)[:4]) + string(wavHeader(f, 44100, last+1, 0)[:4]) + string(wavHeader(f, 44100, last, 10)[:4]); got != "RIFFRF64RF64" {
		t.Errorf("at the boundary: %q", got)
	}
}

func le(size int, n uint64) string {
	return string(binary.LittleEndian.AppendUint64(nil, n)[:size])
}

// A file of 5 GB, most of which is a hole that takes no room.
func TestFfmpegReadsRF64(t *testing.T) {
	t.Parallel()
	probe, err := exec.LookPath("ffprobe")
	if err != nil {
		spooltest.LeaveOut(t, "reading an RF64 file with ffprobe: %v; install ffmpeg", err)
	}
	f, _ := newFormat(options.Options{Format: options.WAV, Bits: "float"})
	const frames = 5_000_000_000/8 + 1
	header := wavHeader(f, 44100, frames, 0)
	name := filepath.Join(t.TempDir(), "huge.wav")
	spooltest.Must(t, os.WriteFile(name, header, 0o600))
	if err := os.Truncate(name, int64(len(header))+frames*8); err != nil {
		spooltest.LeaveOut(t, "an RF64 file: the disk has no sparse files: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), probe, "-v", "error", "-of", "csv=p=0",
		"-show_entries", "stream=codec_name,sample_rate,channels,duration_ts", name).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "pcm_f32le,44100,2,"+strconv.Itoa(frames) {
		t.Errorf("ffprobe: %q, %v", got, err)
	}
}
