package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/weights"
)

// Own prepares the ONNX file of a user's own model into the cache folder, and reports its name in
// the Result. The name is the file's without ".onnx"; the Request's is not used. A file with the
// content of a known model is that model, whatever its name. It does nothing if the file was
// prepared before and the result is unchanged.
func Own(ctx context.Context, req Request, file string) (Result, error) {
	f, info, err := openSource(file)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	sum, err := digest(ctx, sha256.New(), io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		return Result{}, fmt.Errorf("reading the model %q: %w", file, err)
	}
	e, err := ownEnsurer(req, file, hex.EncodeToString(sum))
	if err != nil {
		return Result{}, err
	}
	return e.ownFrom(ctx, f, info.Size(), hex.EncodeToString(sum))
}

// ownEnsurer decides which model a file is.
func ownEnsurer(req Request, file, sum string) (*ensurer, error) {
	req.Model = strings.TrimSuffix(filepath.Base(file), ".onnx")
	for _, a := range artifacts {
		switch {
		case a.Engine == req.Engine && a.SHA256 == sum:
			req.Model = a.Model
		case a.Model == req.Model:
			return nil, exit.Errorf(exit.Unusable, "preparing %q: %s is the name of a model that IM2 knows, and this is another file; rename it", file, a.Model)
		}
	}
	if !weights.ValidName(req.Model) {
		return nil, exit.Errorf(exit.Unusable,
			`preparing %q: %q is no name for a model: rename the file to up to 64 of a-z, 0-9, ".", "_" and "-", and ".onnx"`, file, req.Model)
	}
	return newEnsurer(req), Choose(req.Engine, req.Model, req.Precision)
}

func (e *ensurer) ownFrom(ctx context.Context, f io.ReaderAt, size int64, sum string) (Result, error) {
	closeCache, err := e.open()
	if err != nil {
		return Result{}, err
	}
	defer closeCache()
	m, wrong, err := e.inspect(ctx)
	if err != nil {
		return Result{}, err
	}
	if wrong == "" && m.SourceSHA256 == sum {
		return e.result(m, false), e.note(m)
	}
	if m, err = e.put(ctx, f, size); err != nil {
		return Result{}, err
	}
	return e.result(m, true), nil
}

// openSource opens a regular file that may be anywhere on the host.
func openSource(file string) (*os.File, os.FileInfo, error) {
	// Without O_NONBLOCK, opening a FIFO would wait for ever.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, exit.Errorf(exit.Unusable, "reading the model: %w; -model=FILE takes the ONNX file of an HTDemucs network", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errors.New("it is not a regular file")
	case info.Size() == 0 || info.Size() > weights.MaxSource:
		err = fmt.Errorf("the file has %d bytes; it must have 1 to %d", info.Size(), weights.MaxSource)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, exit.Errorf(exit.Unusable, "reading the model %q: %w", file, err)
	}
	return f, info, nil
}

// Found is what Inspect saw.
type Found struct {
	// Path is where the prepared model is, or would be.
	Path string
	// There says that there is something of that name.
	There bool
	// Wrong says what is wrong with it; empty if nothing is.
	Wrong string
}

// Inspect reads the prepared model and says whether it is what it must be, changing nothing. The
// error wraps fs.ErrNotExist if there is no cache folder; exit.Unusable is returned as Choose returns it.
func Inspect(ctx context.Context, req Request) (Found, error) {
	if err := Choose(req.Engine, req.Model, req.Precision); err != nil {
		return Found{}, err
	}
	return newEnsurer(req).look(ctx)
}

func (e *ensurer) look(ctx context.Context) (Found, error) {
	closeCache, err := e.open()
	if err != nil {
		return Found{}, err
	}
	defer closeCache()
	_, wrong, err := e.inspect(ctx)
	if wrong == missing {
		return Found{Path: e.target()}, nil
	}
	return Found{Path: e.target(), There: true, Wrong: wrong}, err
}

// CheckSettings refuses what Choose does, and a model that is neither known nor prepared.
func CheckSettings(req Request) error {
	err := Choose(req.Engine, req.Model, req.Precision)
	e := newEnsurer(req)
	if err != nil || e.known {
		return err
	}
	closeCache, err := e.open()
	if err != nil {
		return e.unknown()
	}
	defer closeCache()
	if _, err := e.cache.Lstat(e.folder()); err != nil {
		return e.unknown()
	}
	return nil
}
