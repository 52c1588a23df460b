package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/modules/demucs/separator"
	"github.com/im2-audio/im2/modules/internal/place"
	"github.com/im2-audio/im2/pipeline/execution"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/weights"
)

// An onnx engine runs HTDemucs on ONNX Runtime, in a process of its own: what ends that ends nothing
// else.
type onnx struct{ settings *settings }

// Ready looks for the program and the library, which are in the image.
func (o *onnx) Ready() error {
	for _, path := range []string{o.settings.program, o.settings.library} {
		if !place.Exists(path) {
			return fmt.Errorf("the separation engine is missing: there is no %s in the image; run `mage build -module=demucs`", path)
		}
	}
	return nil
}

// Separate runs the process.
func (o *onnx) Separate(ctx context.Context, mix string, _ int64, outDir string, opt options.Options, progress func(done, total int)) error {
	if err := os.Mkdir(outDir, place.FolderMode); err != nil {
		return fmt.Errorf("separating: %w", err)
	}
	s := o.settings
	request := separator.Request{
		Library: s.library, Model: filepath.Join(s.weights, weights.Folder(opt.Model, s.precision)), Mix: mix, Out: outDir,
		Overlap: *opt.Overlap, Shifts: *opt.Shifts, Threads: s.threads,
	}
	// By the names that ONNX Runtime knows them by; the processor has none.
	request.Provider = map[string]string{"webgpu": "WebGPU", "cuda": "CUDA"}[s.provider]
	if request.Threads == 0 {
		request.Threads = runtime.GOMAXPROCS(0)
	}
	c := command{
		what: "the separation engine",
		path: s.program,
		args: request.Args(),
		env:  separator.Environ(execution.Memory(s.mode) == execution.Low),
		// ONNX Runtime may leave a file in its working folder, which goes with this one.
		dir:   filepath.Dir(mix),
		stall: s.stall,
		stdout: &lineWriter{line: func(line string) {
			if done, total, ok := parseProgress(line); ok {
				progress(done, total)
			}
		}},
	}
	err := c.run(ctx)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == separator.ExitEnvironment {
		return &modelError{err}
	}
	return err
}

// parseProgress reads a line such as "3/17".
func parseProgress(line string) (done, total int, ok bool) {
	before, after, found := strings.Cut(strings.TrimSpace(line), "/")
	if !found {
		return 0, 0, false
	}
	done, err := strconv.Atoi(before)
	if err != nil || done < 0 {
		return 0, 0, false
	}
	total, err = strconv.Atoi(after)
	if err != nil || total < done {
		return 0, 0, false
	}
	return done, total, true
}
