package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/im2-audio/im2/internal/exit"
)

// inspection is what is known of the file with the weights.
type inspection struct {
	// right says that it is there with the right content, owner and mode.
	right bool
	// wrong says what is wrong with the content of one that is there.
	wrong string
	// mended says that owner or mode had to be changed, fetched that it is new.
	mended, fetched bool
}

// inspect looks whether the right weights are there, and mends their owner and mode.
//
// All of them are read each time: 174 MB take about a tenth of a second where the
// processor has instructions for SHA-256, and half a second where it has not. A note of
// an earlier check would have to lie where a container can write.
func (e *ensurer) inspect(ctx context.Context) (inspection, error) {
	f, err := e.cache.open(e.artifact.File, os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return inspection{}, nil
	case errors.Is(err, errNotRegular):
		return e.irregular()
	case err != nil:
		return inspection{}, e.denied("reading "+e.target(), err)
	}
	defer func() { _ = f.Close() }() // It was only read.
	wrong, err := e.compare(ctx, f)
	if err != nil {
		return inspection{}, fmt.Errorf("reading %s: %w", e.target(), err)
	}
	if wrong != "" {
		return inspection{wrong: wrong}, nil
	}
	mended, err := e.settle(f)
	return inspection{right: err == nil, mended: mended}, err
}

// irregular is for something else under the name of the weights. A link, a FIFO and their
// kind are replaced; a folder may hold what somebody needs.
func (e *ensurer) irregular() (inspection, error) {
	info, err := e.cache.root.Lstat(e.artifact.File)
	if err == nil && info.IsDir() {
		return inspection{}, exit.Errorf(exit.Failed,
			`putting the model at %q: there is a folder of that name; look into it, and remove it with "rm -r"`, e.target())
	}
	return inspection{wrong: errNotRegular.Error()}, nil
}

// compare says what is wrong with the content of f; "" means nothing.
func (e *ensurer) compare(ctx context.Context, f *os.File) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Size() != e.artifact.Size {
		return fmt.Sprintf("has %d bytes and not %d", info.Size(), e.artifact.Size), nil
	}
	sum, err := digest(ctx, sha256.New(), f)
	if err != nil {
		return "", err
	}
	if hex.EncodeToString(sum) != e.artifact.SHA256 {
		return "has not the content it must have", nil
	}
	return "", nil
}

// settle gives an open file the right owner and mode, and reports whether that changed
// anything.
func (e *ensurer) settle(f *os.File) (changed bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if uid, gid, ok := owner(info); ok && (uid != e.UID || gid != e.GID) {
		err := f.Chown(int(e.UID), int(e.GID))
		if err != nil && !ownerIsShow(err) {
			return false, e.chownDenied(f, err)
		}
		changed = err == nil
	}
	if info.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != mode {
		if err := f.Chmod(mode); err != nil {
			return changed, e.denied("setting the mode of "+f.Name(), err)
		}
		changed = true
	}
	return changed, nil
}

// ownerIsShow reports that an owner that cannot be set does not matter: engines that run
// in a virtual machine, as everywhere but on Linux, show the files of the host to a
// container as its own.
func ownerIsShow(err error) bool {
	return errors.Is(err, fs.ErrPermission) && runtime.GOOS != "linux"
}

// digest reads r to its end.
func digest(ctx context.Context, h hash.Hash, r io.Reader) ([]byte, error) {
	if _, err := io.Copy(h, &reader{ctx: ctx, r: r}); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// reader ends with the error of its context.
type reader struct {
	ctx context.Context // it lives as long as one call
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
