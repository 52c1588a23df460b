// Package enginetest finds what the tests named TestEngine need, and few machines have: ONNX
// Runtime's library and the published weights.
//
// Tests that lack them are left out with a line that begins with LEFT OUT. IM2_REQUIRE_ENGINE=1
// makes them fail, as in the demucs service's own image, where nothing may be left out.
package enginetest

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/im2-audio/im2/pipeline/weights"
)

// Library is the path of ONNX Runtime's library: $IM2_ONNXRUNTIME, or where the image has it.
func Library(t testing.TB) string {
	t.Helper()
	path := cmp.Or(os.Getenv("IM2_ONNXRUNTIME"), "/usr/local/lib/im2/libonnxruntime.so.1")
	if _, err := os.Stat(path); err != nil {
		leaveOut(t, "running ONNX Runtime: %v; set IM2_ONNXRUNTIME to its library", err)
	}
	return path
}

// Original is the content of $IM2_ORIGINAL_MODEL: htdemucs.onnx as it was published, which
// mage demucs-cache keeps in .im2/models.
func Original(t testing.TB) []byte {
	t.Helper()
	path := os.Getenv("IM2_ORIGINAL_MODEL")
	if path == "" {
		leaveOut(t, "running the published model: IM2_ORIGINAL_MODEL is not set to its htdemucs.onnx")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		leaveOut(t, "running the published model: %v", err)
	}
	return data
}

// Prepare writes a prepared model into a new folder and returns that.
func Prepare(t testing.TB, source io.ReaderAt, size int64, precision string) (folder string, manifest weights.Manifest) {
	t.Helper()
	folder = t.TempDir()
	manifest, err := weights.Prepare(context.Background(), source, size, weights.Request{Model: "htdemucs", Precision: precision}, func(name string) (io.WriteCloser, error) {
		return os.Create(filepath.Join(folder, name))
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, weights.ManifestFile), manifest.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder, manifest
}

func leaveOut(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("IM2_REQUIRE_ENGINE") == "1" {
		t.Fatalf("IM2_REQUIRE_ENGINE=1 and this cannot be tested: "+format, args...)
	}
	t.Skipf("LEFT OUT: "+format, args...)
}
