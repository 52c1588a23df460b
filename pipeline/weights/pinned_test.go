package weights_test

import (
	"io"
	"os"
	"testing"

	"github.com/im2-audio/im2/pipeline/weights"
)

// The pinned digests are those of what comes out. What changes that needs a new Builder, and the
// digests that this test prints.
func TestPinnedDigests(t *testing.T) {
	t.Parallel()
	path := os.Getenv("IM2_HTDEMUCS")
	if path == "" {
		t.Skip("LEFT OUT: preparing the real model; IM2_HTDEMUCS=.im2/models/htdemucs.onnx names it")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for _, precision := range weights.Precisions() {
		m, err := weights.Prepare(t.Context(), f, info.Size(), weights.Request{Model: "htdemucs", Precision: precision},
			func(string) (io.WriteCloser, error) { return nothing{}, nil })
		if err != nil {
			t.Fatal(err)
		}
		if want, known := weights.Pinned("htdemucs", precision); !known || m.Digest() != want {
			t.Errorf("%s has the digest %q, and pinned is %q", m.Folder(), m.Digest(), want)
		}
	}
}

// nothing takes what is written.
type nothing struct{}

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Close() error                { return nil }
