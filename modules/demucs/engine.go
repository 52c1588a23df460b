package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/pipeline/options"
)

// An Engine separates a mix into stems.
type Engine interface {
	// Ready says what is missing for the engine to work, and which command fixes it.
	Ready() error
	// Separate reads a mix of so many frames and writes each stem of the model in o into the folder
	// outDir, which it makes, as <stem>.f32. Both are raw: 32-bit float, little-endian, left and right
	// in turn, at mixRate. It calls progress from one goroutine with the steps done and their total.
	// When ctx ends, so do all processes it started.
	Separate(ctx context.Context, mix string, frames int64, outDir string, o options.Options, progress func(done, total int)) error
}

func engineNames() []string { return []string{"onnx"} }

// newEngine returns the engine that the settings name. A new engine joins here, with a stage
// of its own in the Dockerfile.
func newEngine(s *settings) (Engine, error) {
	switch s.engine {
	case "onnx":
		return &onnx{s}, nil
	default:
		return nil, unknown("engine", "DEMUCS_ENGINE", s.engine, engineNames())
	}
}

func unknown(what, variable, value string, known []string) error {
	known = slices.Sorted(slices.Values(known))
	return fmt.Errorf("unknown %s %q: known are %s; set %s in .env and run `mage up`",
		what, value, strings.Join(known, ", "), variable)
}
