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
func Make(t testing.TB, cache, model, precision string) weights.Manifest {
	t.Helper()
	dir := filepath.Join(cache, weights.Folder(model, precision))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	m, err := Write(t.Context(), weights.Manifest{Model: model, Precision: precision, Sources: Sources()}, make([]byte, 32), func(name string) (io.WriteCloser, error) {
		return os.Create(filepath.Join(dir, name))
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, weights.ManifestFile), m.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Write fills in what a manifest with a model, precision and sources lacks and writes its
// pieces, which depend on these and on source alone.
func Write(ctx context.Context, m weights.Manifest, source []byte, create func(name string) (io.WriteCloser, error)) (weights.Manifest, error) {
	seed := sha256.Sum256(source)
	shape := []int64{4, 16}
	m.Format, m.Builder, m.SourceSHA256 = weights.Format, weights.Builder, hex.EncodeToString(seed[:])
	m.Inputs = []weights.Tensor{{Name: "mix", Shape: shape}}
	m.Outputs = []weights.Tensor{{Name: "out", Shape: shape}}
	random := rand.New(rand.NewChaCha8(seed))
	for _, p := range []weights.Piece{
		{File: "p00.onnx", Rows: 1, Inputs: m.Inputs, Outputs: []weights.Tensor{{Name: "half", Shape: shape}}},
		{File: "p01.onnx", Rows: 2, Inputs: []weights.Tensor{{Name: "half", Shape: shape}}, Outputs: m.Outputs},
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
