//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// listed are the names in a list of ffmpeg's, with the letters before each.
func listed(t *testing.T, ffmpeg, list string) map[string]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), ffmpeg, "-v", "error", list).Output()
	spooltest.Must(t, err)
	all := make(map[string]string)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		for name := range strings.SplitSeq(fields[1], ",") {
			all[name] = fields[0]
		}
	}
	return all
}

// ffmpeg knows each kind in the table, and no demuxer of those that it may use opens other files or
// the network, generates its own sound, or reads a device.
func TestFfmpegKnowsTheTable(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	demuxers := listed(t, ffmpeg, "-demuxers")
	mine := strings.Split(audio.Demuxers(), ",")
	for _, name := range mine {
		if !strings.HasPrefix(demuxers[name], "D") {
			t.Errorf("ffmpeg has no demuxer %s", name)
		}
	}
	for _, name := range []string{
		"concat", "hls", "dash", "imf", "image2", "image2pipe", "sdp", "rtsp", "rtp", "sap", "webm_dash_manifest", "tee", "lavfi",
		"ffmetadata", "tedcaptions", "vobsub", "libgme", "libopenmpt", "bluray", "dvdvideo", "alsa", "pulse", "jack", "fbdev", "x11grab",
	} {
		if slices.Contains(mine, name) {
			t.Errorf("the table has %s", name)
		}
	}
	for name, flags := range listed(t, ffmpeg, "-devices") {
		if strings.HasPrefix(flags, "D") && slices.Contains(mine, name) {
			t.Errorf("the table has the device %s", name)
		}
	}
	decoders := listed(t, ffmpeg, "-decoders")
	inImage := os.Getenv("IM2_FULL_FFMPEG") != "" // whose ffmpeg has nothing else
	for name, flags := range demuxers {
		if inImage && flags == "D" && name != "=" && !slices.Contains(append(mine, "f32le", "s16le", "s24le"), name) {
			t.Errorf("ffmpeg can take a file for %s, which is not in the table", name)
		}
	}
	for name := range decoders {
		if inImage && name != "=" && !slices.Contains(strings.Split(audio.Decoders(), ","), name) {
			t.Errorf("ffmpeg has the decoder %s, which is not in the table", name)
		}
	}
	found := 0
	for name := range strings.SplitSeq(audio.Decoders(), ",") {
		if flags, ok := decoders[name]; ok {
			found++
			if !strings.HasPrefix(flags, "A") {
				t.Errorf("%s is no decoder of sound: %s", name, flags)
			}
		}
	}
	for _, name := range []string{"mp3float", "aac", "flac", "vorbis", "opus", "alac", "wavpack", "tta", "ac3", "eac3", "dca", "dsd_lsbf_planar", "pcm_f32le"} {
		if _, ok := decoders[name]; !ok {
			t.Errorf("ffmpeg has no decoder %s", name)
		}
	}
	if found < 80 {
		t.Errorf("ffmpeg has %d of the decoders; want most", found)
	}
}
