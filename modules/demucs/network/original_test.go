package network_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/im2-audio/im2/modules/demucs/htdemucs"
	"github.com/im2-audio/im2/modules/demucs/network"
	"github.com/im2-audio/im2/modules/demucs/onnxruntime"
	"github.com/im2-audio/im2/modules/internal/enginetest"
	"github.com/im2-audio/im2/pipeline/weights"
)

const (
	spectrumSize = 4 * htdemucs.Bins * htdemucs.Frames
	mixSize      = 2 * htdemucs.Segment
	row          = htdemucs.Frames
)

// A segment is what a network takes, or gives: with four stems behind each other in a result. The
// spectrum has its bins first.
type segment struct{ wave, spectrum []float32 }

// noise is noise in both inputs.
func noise() segment {
	random := rand.New(rand.NewPCG(11, 12))
	s := segment{make([]float32, mixSize), make([]float32, spectrumSize)}
	for i := range s.wave {
		s.wave[i] = float32(0.1 * random.NormFloat64())
	}
	for i := range s.spectrum {
		s.spectrum[i] = float32(random.NormFloat64())
	}
	return s
}

// music is a segment as it is given to the network for a song.
func music(t *testing.T) segment {
	t.Helper()
	r := recorder{segment{make([]float32, mixSize), make([]float32, spectrumSize)}}
	song := enginetest.Music(float64(htdemucs.Segment) / htdemucs.SampleRate)
	if err := htdemucs.Separate(t.Context(), r, mix(song.Mix), r, htdemucs.Options{Overlap: 0}, nil); err != nil {
		t.Fatal(err)
	}
	return r.segment
}

// A recorder is a network that keeps what it is given, and makes nothing of it.
type recorder struct{ segment }

func (r recorder) Sources() []string                         { return weights.SourcesOf(4) }
func (r recorder) Inputs() (mix, spec []float32)             { return r.wave, r.spectrum }
func (recorder) WriteFrames(int, []float32, []float32) error { return nil }
func (recorder) Run(context.Context) (spec, wave []float32, err error) {
	return make([]float32, 4*spectrumSize), make([]float32, 4*mixSize), nil
}

type mix enginetest.Stereo

func (m mix) Frames() int64 { return int64(len(m[0])) }
func (m mix) ReadFrames(left, right []float32, at int64) error {
	copy(left, m[0][at:])
	copy(right, m[1][at:])
	return nil
}

// whole runs the model as it was published.
func whole(t *testing.T, env *onnxruntime.Environment, model []byte, inputs []segment) (results []segment) {
	t.Helper()
	s, err := env.NewSession(model, []string{"input", "onnx::ReduceMean_1"}, []string{"5073", "output"}, onnxruntime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const bins, frames = htdemucs.Bins, htdemucs.Frames
	for _, in := range inputs {
		// The published model has its bins within the channels.
		spectrum, out := make([]float32, spectrumSize), make([]float32, 4*spectrumSize)
		for bin := range bins {
			for c := range 4 {
				copy(spectrum[(c*bins+bin)*row:][:row], in.spectrum[(bin*4+c)*row:])
			}
		}
		r := segment{make([]float32, 4*mixSize), make([]float32, 4*spectrumSize)}
		err := s.Run([]onnxruntime.Tensor{{Data: in.wave, Shape: []int64{1, 2, htdemucs.Segment}}, {Data: spectrum, Shape: []int64{1, 4, bins, frames}}},
			[]onnxruntime.Tensor{{Data: r.wave, Shape: []int64{1, 4, 2, htdemucs.Segment}}, {Data: out, Shape: []int64{1, 4, 4, bins, frames}}})
		if err != nil {
			t.Fatal(err)
		}
		for bin := range bins {
			for c := range 16 {
				copy(r.spectrum[(bin*16+c)*row:][:row], out[(c*bins+bin)*row:])
			}
		}
		results = append(results, r)
	}
	return results
}

// everyNodeThatAdds holds the prepared model to the name by which WebGPU is told to leave them alone.
func everyNodeThatAdds(t *testing.T, folder string) {
	t.Helper()
	named, all := 0, 0
	files, err := filepath.Glob(filepath.Join(folder, "*.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// Each node has its kind, and in its name the kind again.
		all += bytes.Count(data, []byte("FusedConv")) - bytes.Count(data, []byte("FusedConv_"))
		named += bytes.Count(data, []byte(weights.NodeThatAdds))
	}
	if all == 0 || named != all {
		t.Errorf("%d of %d nodes that add are called %s", named, all, weights.NodeThatAdds)
	}
}

// prepared runs the model as it is prepared.
func prepared(t *testing.T, env *onnxruntime.Environment, model []byte, precision string, inputs []segment) (sources []string, results []segment) {
	t.Helper()
	folder, manifest := enginetest.Prepare(t, bytes.NewReader(model), int64(len(model)), precision)
	const published = "da9e5101ee0804d04933974b59d8aae9c862e80e14f2f24e7c74cae76bdbe748"
	if pinned, _ := weights.Pinned("htdemucs", precision); manifest.SourceSHA256 == published && manifest.Digest() != pinned {
		t.Errorf("the prepared model has the digest %s, and %s is the known one", manifest.Digest(), pinned)
	}
	if precision == weights.FP32 {
		everyNodeThatAdds(t, folder)
	}
	n, err := network.Open(t.Context(), env, os.DirFS(folder), manifest, network.Options{Threads: 2})
	if err == nil {
		err = os.RemoveAll(folder) // All of it was read.
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range inputs {
		wave, spectrum := n.Inputs()
		copy(wave, in.wave)
		copy(spectrum, in.spectrum)
		spectrum, wave, err := n.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, segment{slices.Clone(wave), slices.Clone(spectrum)})
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return n.Sources(), results
}

// sdr is how loud the truth is, compared with what is wrong with the other numbers, in dB.
func sdr(truth, other []float32) float64 {
	signal, fault := 0.0, 1e-20
	for i, x := range truth {
		signal += float64(x) * float64(x)
		d := float64(x) - float64(other[i])
		fault += d * d
	}
	return 10 * math.Log10(signal/fault)
}

func TestEngineNetwork(t *testing.T) {
	env, err := onnxruntime.Open(enginetest.Library(t), onnxruntime.ThreadOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer env.Close()
	model := enginetest.Original(t)
	inputs := []segment{noise(), music(t)}
	truth := whole(t, env, model, inputs)
	kinds := []string{"noise", "music"}

	sources, pieces := prepared(t, env, model, weights.FP32, inputs)
	if !slices.Equal(sources, weights.SourcesOf(4)) {
		t.Errorf("the stems are %q", sources)
	}
	for i, r := range pieces {
		spectrum, wave := sdr(truth[i].spectrum, r.spectrum), sdr(truth[i].wave, r.wave)
		t.Logf("fp32, %s: spectrum %.1f, wave %.1f dB", kinds[i], spectrum, wave)
		if !(spectrum >= 65 && wave >= 72) { // false for NaN
			t.Errorf("fp32, %s: spectrum %.1f, wave %.1f dB", kinds[i], spectrum, wave)
		}
	}
	_, small := prepared(t, env, model, weights.INT8, inputs[1:])
	spectrum, wave := sdr(truth[1].spectrum, small[0].spectrum), sdr(truth[1].wave, small[0].wave)
	t.Logf("int8: spectrum %.1f, wave %.1f dB", spectrum, wave)
	if !(spectrum >= 30 && wave >= 30) {
		t.Errorf("int8: spectrum %.1f, wave %.1f dB", spectrum, wave)
	}
	sixStems(t, env, model, inputs[1], pieces[1])
}

// sixStems gives the model two more stems, which are copies of the first two, and compares the others
// with those of the model as it is.
func sixStems(t *testing.T, env *onnxruntime.Environment, model []byte, input, four segment) {
	t.Helper()
	wider := edit{Tensors: func(one tensor) []tensor {
		at := map[string]int{"decoder.3.conv_tr.weight": 1, "decoder.3.conv_tr.bias": 0, "tdecoder.3.conv_tr.weight": 1, "tdecoder.3.conv_tr.bias": 0}
		dim, ok := at[one.Name]
		if !ok {
			return []tensor{one}
		}
		groups := 1
		if dim == 1 {
			groups = int(one.Dims[0])
		}
		size := len(one.Raw) / groups
		var raw strings.Builder
		for g := range groups {
			all := one.Raw[g*size : (g+1)*size]
			raw.WriteString(all + all[:size/2])
		}
		one.Raw = raw.String()
		one.Dims[dim] = one.Dims[dim] * 6 / 4
		return []tensor{one}
	}}.Apply(t, model)
	sources, results := prepared(t, env, wider, weights.FP32, []segment{input})
	if !slices.Equal(sources, weights.SourcesOf(6)) {
		t.Errorf("the six stems are %q", sources)
	}
	six := results[0]
	first := func(x []float32, parts, size int) []float32 { // of each of the parts, the first numbers
		var kept []float32
		for i := range parts {
			kept = append(kept, x[i*len(x)/parts:][:size]...)
		}
		return kept
	}
	t.Logf("six stems: wave %.1f, spectrum %.1f dB", sdr(four.wave, six.wave[:4*mixSize]), sdr(four.spectrum, first(six.spectrum, htdemucs.Bins, 16*row)))
	if !slices.Equal(four.wave, six.wave[:4*mixSize]) {
		t.Error("the waves of the first four of six stems are others")
	}
	if !slices.Equal(four.spectrum, first(six.spectrum, htdemucs.Bins, 16*row)) {
		t.Error("the spectra of the first four of six stems are others")
	}
}

// TestEngineRefusesOtherGraphs changes the published model.
func TestEngineRefusesOtherGraphs(t *testing.T) {
	model := enginetest.Original(t)
	const name = "tencoder.0.conv.bias"
	change := func(replace func(t tensor) []tensor) []byte {
		return edit{Tensors: func(one tensor) []tensor {
			if one.Name != name {
				return []tensor{one}
			}
			return replace(one)
		}}.Apply(t, model)
	}
	for want, file := range map[string]func() []byte{
		"it has no parameter \"" + name + "\"": func() []byte { return change(func(tensor) []tensor { return nil }) },
		"it has a parameter \"extra\" that HTDemucs does not have": func() []byte {
			return change(func(one tensor) []tensor {
				extra := one
				extra.Name = "extra"
				return []tensor{one, extra}
			})
		},
		"has the shape [24 2], not [48]": func() []byte {
			return change(func(one tensor) []tensor {
				one.Dims = []uint64{24, 2}
				return []tensor{one}
			})
		},
		"the numbers of \"" + name + "\" are in another file; export the model into one": func() []byte {
			return change(func(one tensor) []tensor {
				one.External = true
				return []tensor{one}
			})
		},
		"version 12 of ONNX's operators":           func() []byte { return edit{Opset: 12}.Apply(t, model) },
		"it is not an ONNX file, or it is damaged": func() []byte { return model[:len(model)-1000] },
		"not an ONNX file":                         func() []byte { return []byte("PyTorch's own format, perhaps\n") },
		"it has 0 stems":                           func() []byte { return enginetest.Operation("Add", []int64{3}, []int64{3}, []int64{3}) },
		"the file has 0 bytes":                     func() []byte { return nil },
	} {
		data := file()
		_, err := weights.Prepare(t.Context(), bytes.NewReader(data), int64(len(data)), weights.Request{Model: "mine", Precision: weights.FP32},
			func(string) (io.WriteCloser, error) { return discard{}, nil })
		var graph *weights.GraphError
		if !errors.As(err, &graph) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }
