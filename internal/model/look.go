package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/im2-audio/im2/internal/exit"
)

// Found is what Inspect saw.
type Found struct {
	// Path is where the weights are, or would be.
	Path string
	// There says that there is something of that name.
	There bool
	// Wrong says what is wrong with it; empty where nothing is. It goes on a sentence that
	// begins with the path.
	Wrong string
}

// Inspect reads the weights and says whether they are what they must be, changing nothing.
// The error wraps fs.ErrNotExist where there is no cache folder; exit.Unusable is that of an
// unknown model.
func Inspect(ctx context.Context, req Request) (Found, error) {
	artifact, err := Lookup(req.Engine, req.Model)
	if err != nil {
		return Found{}, err
	}
	return (&ensurer{Request: req, artifact: artifact}).look(ctx)
}

// look is Inspect for weights that are chosen.
func (e *ensurer) look(ctx context.Context) (Found, error) {
	if _, err := os.Stat(e.Dir); errors.Is(err, fs.ErrNotExist) {
		return Found{}, fmt.Errorf("looking at the model cache: %w", err)
	}
	var err error
	if e.cache, err = openCache(e.Data, e.Dir); err != nil {
		return Found{}, err
	}
	defer e.cache.close()
	found := Found{Path: e.target(), There: true}
	f, err := e.cache.open(e.artifact.File, os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		found.There = false
		return found, nil
	case errors.Is(err, errNotRegular):
		found.Wrong = errNotRegular.Error()
		return found, nil
	case err != nil:
		return found, exit.Errorf(exit.Failed, "reading %s: %w", e.target(), err)
	}
	defer func() { _ = f.Close() }() // It was only read.
	if found.Wrong, err = e.compare(ctx, f); err != nil {
		return found, fmt.Errorf("reading %s: %w", e.target(), err)
	}
	return found, nil
}
