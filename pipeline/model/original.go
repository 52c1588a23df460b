package model

import (
	"context"
	"errors"
	"io"
	"os"
)

// Original opens the ONNX file that a known model is prepared from, checked by its digest. It is
// downloaded where the store does not have it. The caller closes it. Precision does not matter.
func Original(ctx context.Context, req Request) (*os.File, error) {
	return newEnsurer(req).original(ctx)
}

func (e *ensurer) original(ctx context.Context) (*os.File, error) {
	if !e.known {
		return nil, e.unknown(nil)
	}
	var err error
	if e.cache, err = openCache(e.Data, e.Dir); err != nil {
		return nil, err
	}
	defer e.cache.close()
	unlock, err := e.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	f, err := e.raw(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil { // Its digest was taken.
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
