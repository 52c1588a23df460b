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

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/im2-audio/im2/pipeline/weights"
)

// Library is the path of ONNX Runtime's library: $IM2_ONNXRUNTIME, or where the image has it.
func Library(tb testing.TB) string {
	tb.Helper()
	path := cmp.Or(os.Getenv("IM2_ONNXRUNTIME"), "/usr/local/lib/im2/libonnxruntime.so.1")
	if _, err := os.Stat(path); err != nil {
		leaveOut(tb, "running ONNX Runtime: %v; set IM2_ONNXRUNTIME to its library", err)
	}
	return path
}

// Original is the content of $IM2_ORIGINAL_MODEL: htdemucs.onnx as it was published, which
// mage demucs-cache keeps in .im2/models.
func Original(tb testing.TB) []byte {
	tb.Helper()
	path := os.Getenv("IM2_ORIGINAL_MODEL")
	if path == "" {
		leaveOut(tb, "running the published model: IM2_ORIGINAL_MODEL is not set to its htdemucs.onnx")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		leaveOut(tb, "running the published model: %v", err)
	}
	return data
}

// Prepare writes a prepared model into a new folder and returns that.
func Prepare(tb testing.TB, source io.ReaderAt, size int64, precision string) (folder string, manifest weights.Manifest) {
	tb.Helper()
	folder = tb.TempDir()
	manifest, err := weights.Prepare(context.Background(), source, size, weights.Request{Model: "htdemucs", Precision: precision}, func(name string) (io.WriteCloser, error) {
		return os.Create(filepath.Join(folder, name))
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, weights.ManifestFile), manifest.Bytes(), 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return folder, manifest
}

func leaveOut(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv("IM2_REQUIRE_ENGINE") == "1" {
		tb.Fatalf("IM2_REQUIRE_ENGINE=1 and this cannot be tested: "+format, args...)
	}
	tb.Skipf("LEFT OUT: "+format, args...)
}

// Message is a protobuf message that is being written.
type Message []byte

// Bytes adds a field of text, bytes or a message.
func (m Message) Bytes(n protowire.Number, s string) Message {
	return protowire.AppendString(protowire.AppendTag(m, n, protowire.BytesType), s)
}

// Number adds a field with an integer.
func (m Message) Number(n protowire.Number, v uint64) Message {
	return protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), v)
}

// Operation is an ONNX file with one operation on the inputs a and b, float32 of these shapes, that
// makes c.
func Operation(op string, a, b, c []int64) []byte {
	value := func(name string, dims []int64) string {
		var shape Message
		for _, d := range dims {
			shape = shape.Bytes(1, string(Message(nil).Number(1, uint64(d))))
		}
		tensor := Message(nil).Number(1, 1).Bytes(2, string(shape)) // float32, and the shape
		return string(Message(nil).Bytes(1, name).Bytes(2, string(Message(nil).Bytes(1, string(tensor)))))
	}
	node := Message(nil).Bytes(1, "a").Bytes(1, "b").Bytes(2, "c").Bytes(4, op)
	graph := Message(nil).Bytes(1, string(node)).Bytes(2, "g").Bytes(11, value("a", a)).Bytes(11, value("b", b)).Bytes(12, value("c", c))
	return Message(nil).Number(1, 8).Bytes(7, string(graph)).Bytes(8, string(Message(nil).Bytes(1, "").Number(2, 17)))
}
