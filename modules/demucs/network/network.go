// Package network computes HTDemucs for one segment after the other with ONNX Runtime, in as little
// memory as it can.
//
// A prepared model (pipeline/weights) is a list of pieces. Each reads and writes views of buffers,
// so that a layer of the spectrum can be computed a few rows at a time, with what is in between
// small enough for the processor's caches. All buffers share one arena: where each lies follows from
// when it is first written and last read.
package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sync"

	"github.com/im2-audio/im2/modules/demucs/onnxruntime"
	"github.com/im2-audio/im2/pipeline/weights"
)

// Options says how a network is computed.
type Options struct {
	// Provider is what computes; empty for the processor. See onnxruntime.SessionOptions.
	Provider string
	// Threads is how many goroutines normalise; at least 1. ONNX Runtime's own are its environment's.
	Threads int
}

// A Network is a loaded model. It is for one goroutine.
type Network struct {
	manifest weights.Manifest
	threads  int
	arena    *arena
	// zero is what has to be zero around the inputs.
	zero     [][]float32
	steps    []step
	mix      []float32
	spectrum []float32
	wave     []float32
	spectra  []float32
}

// A step is a piece with all that its runs need.
type step struct {
	name    string
	session *onnxruntime.Session
	// zero are what has to be zero before the first run: of buffers that begin to be used here,
	// the parts that no piece writes.
	zero [][]float32
	runs []run
	// clear are set to zero after the last run.
	clear [][]float32
}

// A run is one run of a piece.
type run struct{ inputs, outputs []onnxruntime.Tensor }

// Open loads the pieces that the manifest names from a folder, which must have been verified.
func Open(ctx context.Context, env *onnxruntime.Environment, folder fs.FS, manifest weights.Manifest, opt Options) (*Network, error) {
	layout, err := plan(manifest)
	if err != nil {
		return nil, err
	}
	n := &Network{manifest: manifest, threads: max(opt.Threads, 1)}
	if n.arena, err = newArena(layout); err != nil {
		return nil, err
	}
	n.mix, n.spectrum = n.arena.view(manifest.Mix, 0), n.arena.view(manifest.Spectrum, 0)
	n.wave, n.spectra = n.arena.view(manifest.Wave, 0), n.arena.view(manifest.Spectra, 0)
	n.zero = n.arena.untouched(-1)
	files := &reader{folder: folder}
	for i, p := range manifest.Pieces {
		if err := ctx.Err(); err != nil {
			return nil, errors.Join(err, n.Close())
		}
		s, err := n.load(env, files, p, opt)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("loading %s: %w", p.File, err), n.Close())
		}
		s.zero = n.arena.untouched(i)
		n.steps = append(n.steps, s)
	}
	return n, nil
}

func (n *Network) load(env *onnxruntime.Environment, files *reader, p weights.Piece, opt Options) (step, error) {
	data, err := files.piece(p)
	if err != nil {
		return step{}, err
	}
	var inputs, outputs []string
	for _, v := range p.Inputs {
		inputs = append(inputs, v.Name)
	}
	for _, v := range p.Outputs {
		outputs = append(outputs, v.Name)
	}
	s := step{name: p.File}
	if s.session, err = env.NewSession(data, inputs, outputs, onnxruntime.SessionOptions{Provider: opt.Provider, Config: config(opt.Provider)}); err != nil {
		return step{}, err
	}
	for i := range p.Runs {
		s.runs = append(s.runs, run{inputs: n.tensors(p.Inputs, i), outputs: n.tensors(p.Outputs, i)})
	}
	for _, r := range p.Clear {
		s.clear = append(s.clear, n.arena.part(r.Buffer, r.Offset, r.Size))
	}
	return s, nil
}

// config is what a provider has to be told. WebGPU's convolution cannot add a tensor, and says so only
// when a network is loaded: the processor computes those.
func config(provider string) map[string]string {
	if provider != "WebGPU" {
		return nil
	}
	return map[string]string{"ep.webgpuexecutionprovider.forceCpuNodeNames": weights.NodeThatAdds}
}

func (n *Network) tensors(views []weights.View, run int) []onnxruntime.Tensor {
	tensors := make([]onnxruntime.Tensor, len(views))
	for i, v := range views {
		tensors[i] = onnxruntime.Tensor{Data: n.arena.view(v, run), Shape: v.Shape}
	}
	return tensors
}

// Sources are the names of the stems in the network's order.
func (n *Network) Sources() []string { return n.manifest.Sources }

// Inputs returns where the next segment goes: mix [2][samples], and its spectrum [bins][4][frames]
// with the real and imaginary parts of both channels. Both are valid until Run.
func (n *Network) Inputs() (mix, spectrum []float32) {
	for _, z := range n.zero {
		clear(z)
	}
	return n.mix, n.spectrum
}

// Run separates the segment. It returns the spectra of the stems, [bins][4 for each stem][frames], and
// what is to be added to their waves, [2 for each stem][samples]. Both are valid until the next call
// of Inputs.
func (n *Network) Run(ctx context.Context) (spectra, wave []float32, err error) {
	specMean, specDeviation := normalise(n.spectrum, n.threads)
	mixMean, mixDeviation := normalise(n.mix, n.threads)
	for _, s := range n.steps {
		for _, z := range s.zero {
			clear(z)
		}
		for _, r := range s.runs {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			if err := s.session.Run(r.inputs, r.outputs); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", s.name, err)
			}
		}
		for _, c := range s.clear {
			clear(c)
		}
	}
	denormalise(n.spectra, specMean, specDeviation, n.threads)
	denormalise(n.wave, mixMean, mixDeviation, n.threads)
	return n.spectra, n.wave, nil
}

// Close frees the sessions and the memory.
func (n *Network) Close() error {
	for _, s := range n.steps {
		s.session.Close()
	}
	n.steps = nil
	return n.arena.free()
}

// tiny keeps silence from being divided by 0, as the original does.
const tiny = 1e-5

// normalise gives x the mean 0 and the standard deviation 1, and returns what they were.
func normalise(x []float32, threads int) (mean, deviation float64) {
	sum := sumOf(x, threads, func(v float64) float64 { return v })
	mean = sum / float64(len(x))
	squares := sumOf(x, threads, func(v float64) float64 { return (v - mean) * (v - mean) })
	deviation = math.Sqrt(squares / float64(len(x)-1))
	m, s := float32(mean), float32(1/(deviation+tiny))
	parallel(x, threads, func(_ int, part []float32) {
		for i, v := range part {
			part[i] = (v - m) * s
		}
	})
	return mean, deviation
}

// denormalise undoes normalise.
func denormalise(x []float32, mean, deviation float64, threads int) {
	m, s := float32(mean), float32(deviation)
	parallel(x, threads, func(_ int, part []float32) {
		for i, v := range part {
			part[i] = v*s + m
		}
	})
}

// sumOf adds up f of all numbers. The order does not depend on how many threads there are, so that the
// stems do not either.
func sumOf(x []float32, threads int, f func(float64) float64) float64 {
	sums := make([]float64, parts)
	parallel(x, threads, func(part int, x []float32) {
		sum := 0.0
		for _, v := range x {
			sum += f(float64(v))
		}
		sums[part] = sum
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return total
}

// parts is how many parts parallel cuts its work into.
const parts = 64

// parallel calls do with the parts of x, several at the same time.
func parallel(x []float32, threads int, do func(part int, x []float32)) {
	var all sync.WaitGroup
	for thread := range threads {
		all.Go(func() {
			for i := thread; i < parts; i += threads {
				do(i, x[len(x)*i/parts:len(x)*(i+1)/parts])
			}
		})
	}
	all.Wait()
}
