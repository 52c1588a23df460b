// Package weightstest makes prepared models for tests: small, of random bytes, and right in all
// that package weights can check.
package weightstest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/weights"
)

// Sources are the stems of the models made here.
func Sources() []string { return []string{"drums", "bass", "other", "vocals"} }

// Make writes a prepared model into a folder of the model cache.
func Make(tb testing.TB, cache, model, precision string) weights.Manifest {
	tb.Helper()
	dir := filepath.Join(cache, weights.Folder(model, precision))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	m, err := Write(tb.Context(), weights.Manifest{Model: model, Precision: precision, Sources: Sources()}, make([]byte, 32), func(name string) (io.WriteCloser, error) {
		return os.Create(filepath.Join(dir, name))
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, weights.ManifestFile), m.Bytes(), 0o644)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// Write fills in what a manifest with a model, precision and sources lacks and writes its
// pieces, which depend on these and on source alone.
func Write(ctx context.Context, m weights.Manifest, source []byte, create func(name string) (io.WriteCloser, error)) (weights.Manifest, error) {
	seed := sha256.Sum256(source)
	view := func(name, buffer string, step int64, shape ...int64) weights.View {
		return weights.View{Name: name, Buffer: buffer, Step: step, Shape: shape}
	}
	m.Format, m.Builder, m.SourceSHA256 = weights.Format, weights.Builder, hex.EncodeToString(seed[:])
	m.Buffers = []weights.Buffer{{Name: "in", Size: 64}, {Name: "half", Size: 64}, {Name: "out", Size: 64}}
	m.Mix, m.Spectrum = view("mix", "in", 0, 2, 16), view("spectrum", "in", 0, 2, 32)
	m.Wave, m.Spectra = view("wave", "out", 0, 2, 16), view("spectra", "out", 0, 2, 32)
	random := rand.New(rand.NewChaCha8(seed)) //nolint:gosec // the same bytes for the same source
	for _, p := range []weights.Piece{
		{File: "p00.onnx", Runs: 1, Inputs: []weights.View{view("in0", "in", 0, 4, 16)}, Outputs: []weights.View{view("out0", "half", 0, 4, 16)}},
		{
			File: "p01.onnx", Runs: 2, Inputs: []weights.View{view("in0", "half", 32, 2, 16)}, Outputs: []weights.View{view("out0", "out", 32, 2, 16)},
			Clear: []weights.Range{{Buffer: "out", Offset: 60, Size: 4}},
		},
	} {
		if err := ctx.Err(); err != nil {
			return weights.Manifest{}, err
		}
		data := make([]byte, 40_000)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		sum := sha256.Sum256(data)
		p.SHA256, p.Size = hex.EncodeToString(sum[:]), int64(len(data))
		m.Pieces = append(m.Pieces, p)
		f, err := create(p.File)
		if err != nil {
			return weights.Manifest{}, err
		}
		if _, err := f.Write(data); err != nil {
			_ = f.Close()
			return weights.Manifest{}, err
		}
		if err := f.Close(); err != nil {
			return weights.Manifest{}, err
		}
	}
	return m, nil
}
