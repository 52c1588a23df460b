package weights

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Request says what is to be prepared.
type Request struct {
	// Model and Precision go into the manifest.
	Model, Precision string
	// Sources are the stems in the network's order; nil takes those of SourcesOf for as many as
	// the network has.
	Sources []string
}

// SourcesOf are the stems of the HTDemucs networks that have so many, in the order of the
// original's models: htdemucs and htdemucs_ft have 4, htdemucs_6s has 6. It is nil for others.
func SourcesOf(n int) []string {
	all := []string{"drums", "bass", "other", "vocals", "guitar", "piano"}
	if n != 4 && n != 6 {
		return nil
	}
	return all[:n:n]
}

// GraphError says why a file is no HTDemucs network that can be prepared.
type GraphError struct{ Reason string }

func (e *GraphError) Error() string {
	return fmt.Sprintf("this is not an ONNX export of HTDemucs that can be used: %s", e.Reason)
}

// Prepare reads the ONNX file of an HTDemucs network and writes the pieces that it is cut into,
// each through create, which is called with plain names. The manifest that it returns is not
// written. The error is a *GraphError where the file holds another network.
func Prepare(ctx context.Context, source io.ReaderAt, size int64, req Request, create func(name string) (io.WriteCloser, error)) (Manifest, error) {
	return Manifest{}, fmt.Errorf("preparing the model: %w", errors.ErrUnsupported)
}
