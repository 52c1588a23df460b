package scenario_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

const rate = 44100 // samples a second, what the model was trained on

// cmdMusic writes mix.wav and the drum track that was mixed in, drums.wav: a few seconds
// of a beat, a bass line and chords.
func cmdMusic(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "music DIR SECONDS")
	var seconds float64
	_, err := fmt.Sscan(args[1], &seconds)
	ts.Check(err)
	drums, tones := beat(seconds), harmony(seconds)
	mix := make([]float64, len(drums))
	for i := range mix {
		mix[i] = drums[i] + tones[i]
	}
	ts.Check(writeWAV(filepath.Join(ts.MkAbs(args[0]), "mix.wav"), mix))
	ts.Check(writeWAV(filepath.Join(ts.MkAbs(args[0]), "drums.wav"), drums))
}

// beat is 120 beats a minute: kick, snare, hi-hat.
func beat(seconds float64) []float64 {
	out := make([]float64, int(seconds*rate))
	noise := rand.New(rand.NewPCG(1, 2)) // the same noise in every run
	hit := func(at, length float64, sound func(t float64) float64) {
		for i := range int(length * rate) {
			if n := int(at*rate) + i; n < len(out) {
				out[n] += sound(float64(i) / rate)
			}
		}
	}
	for at := 0.0; at < seconds; at += 0.5 {
		if int(at*2)%2 == 0 {
			hit(at, 0.3, func(t float64) float64 { // a falling sine, 160 Hz to 45 Hz
				phase := 2 * math.Pi * (45*t + 115*0.04*(1-math.Exp(-t/0.04)))
				return 0.55 * math.Sin(phase) * math.Exp(-t*12)
			})
		} else {
			hit(at, 0.2, func(t float64) float64 {
				return (0.3*(noise.Float64()*2-1) + 0.12*math.Sin(2*math.Pi*190*t)) * math.Exp(-t*18)
			})
		}
		for _, off := range []float64{0, 0.25} {
			hit(at+off, 0.06, func(t float64) float64 { return 0.1 * (noise.Float64()*2 - 1) * math.Exp(-t*70) })
		}
	}
	return out
}

// harmony is a bass line below slow chords, changing each second.
func harmony(seconds float64) []float64 {
	out := make([]float64, int(seconds*rate))
	roots := []float64{110, 87.31, 130.81, 98} // A, F, C, G
	for i := range out {
		t := float64(i) / rate
		root := roots[int(t)%len(roots)]
		soft := math.Min(1, math.Mod(t, 1)*20) // no click where the chord changes
		sum := 0.0                             // the race detector checks each access to out
		for k, a := range [...]float64{0.5, 0.25, 0.12, 0.06} {
			sum += 0.3 * a * soft * math.Sin(2*math.Pi*root/2*float64(k+1)*t)
		}
		for _, ratio := range [...]float64{2, 2.52, 3} {
			sum += 0.05 * soft * (math.Sin(2*math.Pi*root*ratio*t) + 0.4*math.Sin(4*math.Pi*root*ratio*t))
		}
		out[i] = sum
	}
	return out
}

// cmdMP3 encodes a WAV file with the ffmpeg of the script's own demucs image.
func cmdMP3(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "mp3 IN.wav OUT.mp3")
	in, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer in.Close() //nolint:errcheck // only read
	cmd := exec.Command("docker", "run", "--rm", "--interactive", "--network=none", "--entrypoint=ffmpeg",
		ts.Getenv("COMPOSE_PROJECT_NAME")+"-demucs", "-v", "error", "-i", "pipe:", "-f", "mp3", "pipe:")
	cmd.Stdin = in
	out, err := cmd.Output()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out, 0o644))
}

// cmdStems fails unless the four stems in a folder are a real separation of the mix:
// together they are the mix again, and the drums are nearest to the drums mixed in.
func cmdStems(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 3, "stems DIR MIX.wav DRUMS.wav")
	mix, err := readWAV(ts.MkAbs(args[1]))
	ts.Check(err)
	drums, err := readWAV(ts.MkAbs(args[2]))
	ts.Check(err)
	sum := make([]float64, len(mix))
	near := make(map[string]float64)
	for _, name := range []string{"vocals", "drums", "bass", "other"} {
		stem, err := readWAV(filepath.Join(ts.MkAbs(args[0]), name+".wav"))
		ts.Check(err)
		if len(stem) != len(mix) {
			ts.Fatalf("%s has %d samples, the mix %d", name, len(stem), len(mix))
		}
		for i, s := range stem {
			sum[i] += s
		}
		near[name] = correlation(stem, drums)
	}
	whole := correlation(sum, mix)
	ts.Logf("the stems' sum correlates with the mix by %.4f; with the drums mixed in: %.4v", whole, near)
	if whole <= 0.95 {
		ts.Fatalf("the stems do not add up to the mix: correlation %.4f", whole)
	}
	for name, c := range near {
		if name != "drums" && c >= near["drums"] {
			ts.Fatalf("%s is nearer to the drums (%.4f) than the drums are (%.4f)", name, c, near["drums"])
		}
	}
	if near["drums"] < 0.8 {
		ts.Fatalf("the drums correlate with the drums mixed in by only %.4f", near["drums"])
	}
}

// correlation is Pearson's coefficient.
func correlation(a, b []float64) float64 {
	var ma, mb float64
	for i := range a {
		ma += a[i] / float64(len(a))
		mb += b[i] / float64(len(b))
	}
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	if aa == 0 || bb == 0 {
		return 0 // silence is like nothing
	}
	return ab / math.Sqrt(aa*bb)
}

// writeWAV writes 16-bit stereo with the same signal on both sides.
func writeWAV(path string, samples []float64) error {
	data := make([]byte, 0, 44+4*len(samples))
	data = append(data, "RIFF"...)
	data = binary.LittleEndian.AppendUint32(data, uint32(36+4*len(samples)))
	data = append(data, "WAVEfmt "...)
	for _, v := range []any{uint32(16), uint16(1), uint16(2), uint32(rate), uint32(rate * 4), uint16(4), uint16(16)} {
		data, _ = binary.Append(data, binary.LittleEndian, v) // fixed sizes: never fails
	}
	data = append(data, "data"...)
	data = binary.LittleEndian.AppendUint32(data, uint32(4*len(samples)))
	for _, s := range samples {
		v := uint16(int16(math.Round(max(-1, min(1, s)) * 32767)))
		data = binary.LittleEndian.AppendUint16(data, v)
		data = binary.LittleEndian.AppendUint16(data, v)
	}
	return os.WriteFile(path, data, 0o644)
}

// readWAV reads 16-bit stereo of 44.1 kHz as the mean of both sides.
func readWAV(path string) ([]float64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) < 44 || string(data[:4]) != "RIFF" || string(data[36:40]) != "data" ||
		binary.LittleEndian.Uint16(data[22:]) != 2 || binary.LittleEndian.Uint32(data[24:]) != rate || binary.LittleEndian.Uint16(data[34:]) != 16 {
		return nil, fmt.Errorf("%s is no plain 16-bit stereo WAV file of %d Hz", path, rate)
	}
	data = data[44:][:min(int(binary.LittleEndian.Uint32(data[40:])), len(data)-44)] // Tags are behind it.
	samples := make([]float64, len(data)/4)
	for i := range samples {
		left := int16(binary.LittleEndian.Uint16(data[4*i:]))
		right := int16(binary.LittleEndian.Uint16(data[4*i+2:]))
		samples[i] = (float64(left) + float64(right)) / 65536
	}
	return samples, nil
}

// fullFFmpeg returns the name of an image with Debian's whole ffmpeg, on top of the script's own demucs image: its own makes
// no videos, and only the kinds of sound that the worker writes.
func fullFFmpeg(ts *testscript.TestScript) string {
	const name = "im2-test-ffmpeg"
	fullFFmpegOnce.Do(func() {
		cmd := exec.Command("docker", "build", "--tag", name, "-")
		cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0") // needs no plugin
		// Not the project's by its label: it is removed with that.
		cmd.Stdin = strings.NewReader("FROM " + ts.Getenv("COMPOSE_PROJECT_NAME") + "-demucs\nLABEL com.docker.compose.project=" + name + "\nUSER root\nRUN apt-get update && apt-get install -y --no-install-recommends ffmpeg\nENTRYPOINT []\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			errFullFFmpeg = fmt.Errorf("%w: %s", err, out)
		}
	})
	ts.Check(errFullFFmpeg)
	return name
}

var (
	fullFFmpegOnce sync.Once
	errFullFFmpeg  error
)

// cmdFullFFmpeg puts Debian's ffmpeg, its libraries, and a program "ffmpeg" that runs it with them, into a folder that a
// container on the same base can mount at /full.
func cmdFullFFmpeg(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 1, "full-ffmpeg DIR")
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	const script = `cp -L /usr/bin/ffmpeg /full/real; cp -L $(ldd /usr/bin/ffmpeg | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p') /full/
printf '#!/bin/sh\nLD_LIBRARY_PATH=/full exec /full/real "$@"\n' > /full/ffmpeg; chmod 755 /full/*`
	out, err := exec.Command("docker", "run", "--rm", "--network=none", "--mount=type=bind,source="+dir+",target=/full", "--entrypoint=sh",
		fullFFmpeg(ts), "-ec", script).CombinedOutput()
	if err != nil {
		ts.Fatalf("%v: %s", err, out)
	}
}

// cmdFilm makes a second of video, with or without sound.
func cmdFilm(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "film OUT.mp4 0|1")
	script := "ffmpeg -v error -f lavfi -i testsrc=duration=1:size=64x64 SOUND -c:v mpeg4 -shortest /tmp/f.mp4; cat /tmp/f.mp4"
	sound := map[string]string{"1": "-f lavfi -i sine=duration=1 -c:a aac"}[args[1]]
	out, err := exec.Command("docker", "run", "--rm", "--network=none", "--tmpfs=/tmp", "--entrypoint=sh",
		fullFFmpeg(ts), "-ec", strings.Replace(script, "SOUND", sound, 1)).Output()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out, 0o644))
}
