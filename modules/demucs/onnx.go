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
	"syscall"

	"github.com/im2-audio/im2/modules/demucs/separator"
	"github.com/im2-audio/im2/pipeline/execution"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/weights"
)

// An onnx engine runs HTDemucs on ONNX Runtime, in a separate process: what ends that ends nothing
// else.
type onnx struct{ settings *settings }

// Ready checks that the program and the library are in the image.
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
		Overlap: *opt.Overlap, Shifts: *opt.Shifts, Threads: s.threadsFor(runtime.GOMAXPROCS(0)),
	}
	// By the names that ONNX Runtime knows them by; the processor has none.
	request.Provider = map[string]string{"webgpu": "WebGPU", "cuda": "CUDA"}[s.provider]
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
	return engineError(c.run(ctx))
}

// engineError adds to an error of the engine's process what its exit code and its words say. It is this
// program, and it says nothing that is in a song.
func engineError(err error) error {
	var failed *commandError
	var exit *exec.ExitError
	if !errors.As(err, &failed) || !errors.As(err, &exit) {
		return err
	}
	switch {
	case exit.ExitCode() == separator.ExitFull:
		failed.reason = fmt.Errorf("%w: %w", syscall.ENOSPC, exit)
	case soundsLikeMemory(failed.all):
		failed.reason = fmt.Errorf("%w: %w", errOutOfMemory, exit)
	case exit.ExitCode() == separator.ExitEnvironment:
		return &modelError{err}
	}
	return err
}

// soundsLikeMemory knows what Go, ONNX Runtime and the C library say when memory runs out.
func soundsLikeMemory(said string) bool {
	said = strings.ToLower(said)
	for _, sign := range []string{"out of memory", "bad_alloc", "cannot allocate memory"} {
		if strings.Contains(said, sign) {
			return true
		}
	}
	return false
}

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
