//go:build linux

package pages_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
)

// inFLAC is the sound of the first stem as a FLAC file.
func inFLAC(t *testing.T, seconds int) []byte {
	t.Helper()
	const block = 4410
	var out bytes.Buffer
	encoder, err := flac.NewEncoder(&out, &meta.StreamInfo{
		BlockSizeMin: block, BlockSizeMax: block, SampleRate: rate, NChannels: channels, BitsPerSample: 16, NSamples: uint64(seconds * rate),
	})
	must(t, err)
	for at := 0; at < seconds*rate; at += block {
		f := &frame.Frame{Header: frame.Header{BlockSize: block, SampleRate: rate, Channels: frame.ChannelsLR, BitsPerSample: 16}}
		samples, _ := sound(0, at, block)
		for c := range channels {
			sub := &frame.Subframe{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, NSamples: block}
			for i := range block {
				sub.Samples = append(sub.Samples, int32(samples[i*channels+c]*(1<<15)))
			}
			f.Subframes = append(f.Subframes, sub)
		}
		must(t, encoder.WriteFrame(f))
	}
	must(t, encoder.Close())
	return out.Bytes()
}

// sameStems are what is to be said of stems whose files are equal: how loud each is, and how far their samples are from each other at one moment.
const sameStems = `(() => { const p = document.getElementById('player').player;
	for (const s of p.stems) s.analyser.getFloatTimeDomainData(s.samples);
	return { levels: p.stems.map((s) => Math.sqrt(s.samples.reduce((sum, x) => sum + x * x, 0) / s.samples.length)),
		apart: Math.max(...p.stems.map((s) => s.samples.reduce((most, x, n) => Math.max(most, Math.abs(x - p.stems[0].samples[n])), 0))) }; })()`

// Stems in FLAC and MP3 are heard, at the same time to the sample, as those in WAV are; one is heard alone.
func TestStemsInFLACAndMP3(t *testing.T) {
	t.Parallel()
	const seconds = 4
	inMP3, err := os.ReadFile("internal/scenario/pages/testdata/noise.mp3") // ffmpeg made it of the same noise
	must(t, err)
	s := newSite(t, song{name: "lossless", stems: stems, seconds: seconds, made: inFLAC(t, seconds), ext: ".flac"},
		song{name: "lossy", stems: stems, seconds: seconds, made: inMP3, ext: ".mp3"})
	b := newTab(t)
	for _, name := range []string{"lossless", "lossy"} {
		b.open(s.song(t, name), 1440, 900)
		b.until(`document.getElementById('player').player`)
		b.run(fmt.Sprintf(`document.getElementById('player').player.setLoop({ from: 0.25, to: %v })`, seconds-0.25))
		b.click("#play")
		b.until(playing)
		if at := eval[float64](b, `document.getElementById('player').player.position()`); at < 0.25 {
			t.Errorf("%s: it plays from %v, which is before the loop", name, at)
		}
		type measured struct {
			Levels []float64 `json:"levels"`
			Apart  float64   `json:"apart"`
		}
		var got measured
		heard := func(want ...bool) {
			t.Helper()
			waitFor(t, fmt.Sprintf("%s: stems to be heard: %v", name, want), func() bool {
				got = eval[measured](b, sameStems)
				for i, x := range got.Levels {
					if is := x > 0.8*level && x < 1.1*level; is != want[i] || !is && x > 0.02*level {
						return false
					}
				}
				return len(got.Levels) == len(want)
			})
		}
		heard(true, true, true, true)
		if got.Apart > 1e-6 {
			t.Errorf("%s: stems differ by %v", name, got.Apart)
		}
		if length := eval[float64](b, `Math.max(...document.getElementById('player').player.stems.map((s) => Math.abs(s.buffer.duration - 4)))`); length > 1e-9 {
			t.Errorf("%s: decoded, a stem is %v s longer or shorter than its song", name, length)
		}
		b.click(".lane:nth-child(2) .solo")
		heard(false, true, false, false)
		b.click("#play")
		b.until(`!(` + playing + `)`)
	}
	b.quiet("")
}

// A loop of a song that is played as it comes is repeated, and ends when it is told to; in it, the stems are near to each other.
func TestALoopOfALongSongIsRepeated(t *testing.T) {
	t.Parallel()
	const player = `document.getElementById('player').player`
	s := newSite(t, song{name: "long", stems: stems, seconds: 3 * 3600, sounds: []int{3600 * rate}, wave: func(int, int) float64 { return 0.2 }})
	b := newTab(t)
	b.open(s.song(t, "long"), 1440, 900)
	b.run(player + `.setLoop({ from: 3605, to: 3607 })`) // before anything plays
	b.click("#play")
	b.until(playing + ` && ` + player + `.position() > 3605`)
	last, jumps := 0.0, 0
	waitFor(t, "the loop to begin again twice", func() bool {
		at := eval[float64](b, player+`.position()`)
		if at < last-0.5 {
			jumps++
		}
		if at < 3605-0.1 {
			t.Fatalf("%v plays, which is before the loop", at)
		}
		last = at
		return jumps == 2
	})
	b.run(player + `.setLoop({ from: 3602, to: 3612 })`) // long enough for a busy machine to measure in it
	times := 0
	waitFor(t, "the stems to be near to each other in the loop", func() bool {
		times++
		for i, x := range eval[[]float64](b, heard) {
			if math.Abs(x-level/float64(i+1)) > 0.1*level {
				times = 0
			}
		}
		if eval[float64](b, apart) > 0.005 {
			times = 0
		}
		return times == 3
	})
	b.click("#loop-off")
	b.until(player + `.position() > 3613`)
	b.quiet("")
}
