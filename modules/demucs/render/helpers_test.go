package render

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// sources are those of the usual model, in its own order.
func sources() []string { return []string{"drums", "bass", "other", "vocals"} }

// A song is a mix and its stems, interleaved.
type song struct {
	mix   []float32
	stems map[string][]float32
}

func (s *song) frames() int { return len(s.mix) / channels }

// songs are those that newSong has made, by their frames: with the race detector, one takes half a second.
var songs sync.Map

// newSong returns stems that are noise and tones, and a mix that they add up to within about 30 dB.
func newSong(frames int) *song {
	made, _ := songs.LoadOrStore(frames, sync.OnceValue(func() *song { return makeSong(frames) }))
	from := made.(func() *song)() //nolint:forcetypeassert // nothing else is in it
	s := &song{mix: slices.Clone(from.mix), stems: make(map[string][]float32)}
	for name, stem := range from.stems {
		s.stems[name] = slices.Clone(stem)
	}
	return s
}

func makeSong(frames int) *song {
	random := rand.New(rand.NewSource(11))
	s := &song{mix: make([]float32, frames*channels), stems: make(map[string][]float32)}
	for n, name := range sources() {
		stem := make([]float32, frames*channels)
		for i := range stem {
			t, c := float64(i/channels)/MixRate, float64(i%channels)
			stem[i] = float32(0.1*math.Sin(2*math.Pi*(110+70*float64(n)+c)*t) + 0.02*random.NormFloat64())
			s.mix[i] += stem[i]
		}
		s.stems[name] = stem
	}
	for i := range s.mix {
		s.mix[i] += float32(0.005 * random.NormFloat64())
	}
	return s
}

// scale makes everything louder.
func (s *song) scale(by float32) {
	for _, samples := range append([][]float32{s.mix}, s.stems["drums"], s.stems["bass"], s.stems["other"], s.stems["vocals"]) {
		for i := range samples {
			samples[i] *= by
		}
	}
}

func rawBytes(samples []float32) []byte {
	b := make([]byte, 0, len(samples)*rawSample)
	for _, x := range samples {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// wave is options with everything set, changed by these.
func wave(change options.Options) options.Options { return change.Over(options.Default()) }

// put writes a song as decoder and engine leave it, and returns the job to finish it.
func put(tb testing.TB, s *song, o options.Options) Job {
	tb.Helper()
	dir := tb.TempDir()
	for _, folder := range []string{"raw", "stems"} {
		spooltest.Must(tb, os.Mkdir(filepath.Join(dir, folder), 0o755))
	}
	spooltest.Must(tb, os.WriteFile(filepath.Join(dir, "mix.f32"), rawBytes(s.mix), 0o600))
	for name, samples := range s.stems {
		spooltest.Must(tb, os.WriteFile(filepath.Join(dir, "raw", name+RawExt), rawBytes(samples), 0o600))
	}
	root, err := os.OpenRoot(dir)
	spooltest.Must(tb, err)
	tb.Cleanup(func() { _ = root.Close() })
	return Job{
		Work: root, Mix: "mix.f32", Raw: "raw", Out: "stems", Frames: int64(s.frames()), Sources: sources(), Options: o,
		FFmpeg: func(context.Context, Process) error { return errors.New("ffmpeg is not to be run for this") },
	}
}

// path is the file of that name that was made.
func path(job Job, name string) string { return filepath.Join(job.Work.Name(), job.Out, name) }

// finish renders and returns what was made.
func finish(t *testing.T, job Job) Made {
	t.Helper()
	made, err := Render(t.Context(), job)
	spooltest.Must(t, err)
	return made
}

// withFFmpeg lets the job run the real ffmpeg, or leaves the test out.
func withFFmpeg(t *testing.T, job Job) Job {
	t.Helper()
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		spooltest.LeaveOut(t, "what ffmpeg does with stems: %v; install ffmpeg", err)
	}
	job.FFmpeg = func(ctx context.Context, p Process) error {
		var said bytes.Buffer
		cmd := exec.CommandContext(ctx, program, p.Args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = p.Stdin, p.Stdout, &said
		if p.File != nil {
			cmd.ExtraFiles = []*os.File{p.File}
		}
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w: %s", p.What, err, said.String())
		}
		return nil
	}
	return job
}

// decoded is what ffmpeg reads from a file, as it is in there.
func decoded(t *testing.T, name string) []float64 {
	t.Helper()
	program, err := exec.LookPath(spooltest.FullFFmpeg())
	if err != nil {
		spooltest.LeaveOut(t, "reading stems with ffmpeg: %v; install ffmpeg", err)
	}
	out, err := exec.CommandContext(t.Context(), program, "-nostdin", "-v", "error", "-i", name, "-f", "f64le", "pipe:1").Output()
	spooltest.Must(t, err)
	samples := make([]float64, len(out)/8)
	for i := range samples {
		samples[i] = math.Float64frombits(binary.LittleEndian.Uint64(out[i*8:]))
	}
	return samples
}

// samplesOf reads the samples of a small WAV file of ours, whose chunks are where they must be.
func samplesOf(t *testing.T, name string) []float64 {
	t.Helper()
	data, err := os.ReadFile(name)
	spooltest.Must(t, err)
	at := bytes.Index(data, []byte("data"))
	if at < 0 || string(data[:4]) != "RIFF" || int(binary.LittleEndian.Uint32(data[4:])) != len(data)-8 ||
		int(binary.LittleEndian.Uint32(data[at+4:])) != len(data)-at-8 {
		t.Fatalf("the sizes in the header of %s are wrong: % x", name, data[:64])
	}
	bits := binary.LittleEndian.Uint16(data[34:])
	var samples []float64
	for data = data[at+8:]; len(data) > 0; data = data[bits/8:] {
		switch bits {
		case 16:
			samples = append(samples, float64(int16(binary.LittleEndian.Uint16(data)))/(1<<15))
		case 24:
			samples = append(samples, float64(int32(data[0])<<8|int32(data[1])<<16|int32(data[2])<<24)/(1<<31))
		default:
			samples = append(samples, float64(math.Float32frombits(binary.LittleEndian.Uint32(data))))
		}
	}
	return samples
}

// farthest is the largest difference between two signals of the same length.
func farthest(t *testing.T, a []float64, b []float32, gain float64) float64 {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d samples; want %d", len(a), len(b))
	}
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(a[i]-float64(b[i])*gain))
	}
	return most
}

// sumOf adds signals up.
func sumOf(signals ...[]float64) []float64 {
	sum := slices.Clone(signals[0])
	for _, signal := range signals[1:] {
		for i := range sum {
			sum[i] += signal[i]
		}
	}
	return sum
}
