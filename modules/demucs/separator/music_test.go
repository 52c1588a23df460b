package separator_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/modules/demucs/htdemucs"
	"github.com/im2-audio/im2/modules/demucs/separator"
	"github.com/im2-audio/im2/modules/internal/enginetest"
	"github.com/im2-audio/im2/pipeline/weights"
)

// An engine is the published model, prepared, with the library.
type engine struct{ library, model string }

func newEngine(t *testing.T, precision string) engine {
	t.Helper()
	library, original := enginetest.Library(t), enginetest.Original(t)
	folder, _ := enginetest.Prepare(t, bytes.NewReader(original), int64(len(original)), precision)
	return engine{library, folder}
}

// separate runs the real separator on a song.
func (e engine) separate(t *testing.T, song enginetest.Stereo, set func(r *separator.Request)) map[string]enginetest.Stereo {
	t.Helper()
	r := separator.Request{Library: e.library, Model: e.model, Mix: writeMix(t, song), Frames: int64(len(song[0])), Out: t.TempDir(), Overlap: 0.25, Threads: 2}
	if set != nil {
		set(&r)
	}
	stdout, stderr, code := run(t, r)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	lines := strings.Fields(stdout)
	for i, line := range lines {
		if want := fmt.Sprintf("%d/%d", i, len(lines)-1); line != want {
			t.Fatalf("progress %q, not %q", line, want)
		}
	}
	stems := map[string]enginetest.Stereo{}
	for _, name := range weights.SourcesOf(4) {
		s := readStem(t, filepath.Join(r.Out, name+separator.Extension))
		if len(s[0]) != len(song[0]) {
			t.Fatalf("%s has %d frames, and the song has %d", name, len(s[0]), len(song[0]))
		}
		for channel := range s {
			if i := slices.IndexFunc(s[channel], func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) }); i >= 0 {
				t.Fatalf("%s, channel %d: frame %d is %v", name, channel, i, s[channel][i])
			}
		}
		stems[name] = s
	}
	return stems
}

// sdr is how loud what is heard is, compared with its difference from the truth, in dB.
func sdr(truth, heard []float32) float64 {
	signal, fault := 0.0, 1e-20
	for i, x := range truth {
		signal += float64(x) * float64(x)
		d := float64(x) - float64(heard[i])
		fault += d * d
	}
	return 10 * math.Log10(signal/fault)
}

// zeros is the longest run of samples that are exactly 0.
func zeros(x []float32) int {
	longest, here := 0, 0
	for _, v := range x {
		here++
		if v != 0 {
			here = 0
		}
		longest = max(longest, here)
	}
	return longest
}

// sum is all stems together.
func sum(stems map[string]enginetest.Stereo, channel int) []float32 {
	var all []float32
	for _, name := range weights.SourcesOf(4) {
		if all == nil {
			all = make([]float32, len(stems[name][channel]))
		}
		for i, v := range stems[name][channel] {
			all[i] += v
		}
	}
	return all
}

// judge compares stems with what was mixed. alike is how far left and right may be apart, in dB: it was 0.06
// at most, and for other, which is not the same on both sides, 0.24, or 0.27 with 8 bits.
func judge(t *testing.T, song enginetest.Song, stems map[string]enginetest.Stereo, bounds least, alike float64) {
	t.Helper()
	for _, name := range weights.SourcesOf(4) {
		left, right := sdr(song.Stems[name][0], stems[name][0]), sdr(song.Stems[name][1], stems[name][1])
		t.Logf("%-6s left %.2f, right %.2f dB", name, left, right)
		if min(left, right) < bounds[name] {
			t.Errorf("%s: left %.2f, right %.2f dB; it must be %.2f or more", name, left, right, bounds[name])
		}
		if math.Abs(left-right) > alike {
			t.Errorf("%s: left %.2f and right %.2f dB are not alike", name, left, right)
		}
		if z := max(zeros(stems[name][0]), zeros(stems[name][1])); z > 8 {
			t.Errorf("%s: %d samples in a row are zero", name, z)
		}
	}
	for channel := range 2 {
		if s := sdr(song.Mix[channel], sum(stems, channel)); s < 21 || s > 24 { // It was 22.0; the network's stems do not add up exactly.
			t.Errorf("channel %d: the stems' sum and the mix: %.1f dB", channel, s)
		}
	}
}

// part is the beginning of a song.
func part(s enginetest.Stereo, frames int) enginetest.Stereo {
	return enginetest.Stereo{s[0][:frames], s[1][:frames]}
}

// least is the SDR that each channel of a stem must have, in dB: half a dB less than measured.
type least map[string]float64

func TestEngineMusic(t *testing.T) {
	e := newEngine(t, weights.FP32)
	song := enginetest.Music(34)
	stems := e.separate(t, song.Mix, nil)
	judge(t, song, stems, least{"drums": 19.25, "bass": 14.5, "other": 10.5, "vocals": 12.7}, 0.3)
	t.Run("other settings", func(t *testing.T) { otherSettings(t, e, song, stems) })
	t.Run("mono", func(t *testing.T) { mono(t, e) })
	t.Run("silence", func(t *testing.T) { silence(t, e) })
	t.Run("a tenth of a second", func(t *testing.T) { tenth(t, e) })
	t.Run("termination", func(t *testing.T) { termination(t, e, song) })
}

func TestEngineMusicWith8Bits(t *testing.T) {
	e := newEngine(t, weights.INT8)
	song := enginetest.Music(17)
	stems := e.separate(t, song.Mix, nil)
	judge(t, song, stems, least{"drums": 19.1, "bass": 14.6, "other": 10.6, "vocals": 12.8}, 0.4)
}

// otherSettings separates the beginning with others than the usual settings: the stems are about as
// good.
func otherSettings(t *testing.T, e engine, song enginetest.Song, stems map[string]enginetest.Stereo) {
	t.Helper()
	const frames = 11 * htdemucs.SampleRate
	short := part(song.Mix, frames)
	for name, set := range map[string]func(r *separator.Request){
		"one shift":    func(r *separator.Request) { r.Shifts = 1 },
		"less overlap": func(r *separator.Request) { r.Overlap = 0.1 },
	} {
		for stem, other := range e.separate(t, short, set) {
			for channel := range 2 {
				truth := song.Stems[stem][channel][:frames]
				want, got := sdr(truth, stems[stem][channel][:frames]), sdr(truth, other[channel])
				t.Logf("%s: %s %d: %.2f, usually %.2f dB", name, stem, channel, got, want)
				if math.Abs(want-got) > 1 {
					t.Errorf("%s: %s, channel %d: %.2f dB, and usually %.2f", name, stem, channel, got, want)
				}
			}
		}
	}
}

// mono separates a song that is the same on both sides. The stems are not quite: the network has
// other parameters for the left than for the right.
func mono(t *testing.T, e engine) {
	t.Helper()
	song := enginetest.Music(3).Mix
	for i := range song[0] {
		song[0][i] = (song[0][i] + song[1][i]) / 2
	}
	for name, s := range e.separate(t, enginetest.Stereo{song[0], song[0]}, nil) {
		alike := sdr(s[0], s[1])
		t.Logf("%s: left and right: %.1f dB", name, alike)
		if alike < 24 { // It was 26.2, other, or more.
			t.Errorf("%s: left and right are not alike: %.1f dB", name, alike)
		}
	}
}

func silence(t *testing.T, e engine) {
	t.Helper()
	nothing := make([]float32, 3*htdemucs.SampleRate)
	for name, s := range e.separate(t, enginetest.Stereo{nothing, nothing}, nil) {
		loudest := float32(0)
		for _, channel := range s {
			loudest = max(loudest, slices.Max(channel), -slices.Min(channel))
		}
		if loudest > 1e-6 {
			t.Errorf("%s of silence reaches %g", name, loudest)
		}
	}
}

func tenth(t *testing.T, e engine) {
	t.Helper()
	short := part(enginetest.Music(1).Mix, htdemucs.SampleRate/10)
	stems := e.separate(t, short, nil)
	for channel := range 2 {
		if s := sdr(short[channel], sum(stems, channel)); s < 15 { // It was 16.7.
			t.Errorf("channel %d: the stems' sum and the mix: %.1f dB", channel, s)
		}
	}
}

// termination ends a separation in the middle of a segment.
func termination(t *testing.T, e engine, song enginetest.Song) {
	t.Helper()
	cmd := process(t.Context(), separator.Request{Library: e.library, Model: e.model, Mix: writeMix(t, song.Mix), Frames: int64(len(song.Mix[0])), Out: t.TempDir(), Threads: 1})
	progress, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(progress).ReadString('\n') // The first segment begins.
	if err != nil || !strings.HasPrefix(line, "0/") {
		t.Errorf("progress %q, %v", line, err)
	}
	time.Sleep(200 * time.Millisecond)
	begin := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	t.Logf("ended after %s: %v", time.Since(begin), err)
	if late := time.Since(begin); err == nil || late > time.Second {
		t.Errorf("ended with %v, %s after SIGTERM", err, late)
	}
}
