package model

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/weights"
)

// otherMembers is the most that the other files of a tarball may take up.
const otherMembers = 64 << 20

// errContent is returned for what is not the ONNX file that it must be.
var errContent = errors.New("its content is not what it must be")

// lock picks the store and keeps other runs of this user away from it.
func (e *ensurer) lock(ctx context.Context) (unlock func(), err error) {
	err = errors.New("no folder of your own is known; set HOME")
	for _, dir := range e.Stores {
		if err = os.MkdirAll(dir, 0o700); err != nil {
			continue
		}
		l := flock.New(filepath.Join(dir, "lock"))
		var got bool
		if got, err = l.TryLock(); err == nil && !got {
			e.UI.Note("waiting: another run prepares a model")
			if _, err = l.TryLockContext(ctx, e.poll); ctx.Err() != nil {
				return nil, fmt.Errorf("waiting for another run that prepares a model: %w", ctx.Err())
			}
		}
		if err == nil {
			e.store = dir
			return func() { _ = l.Unlock() }, nil // The end of the process does it, too.
		}
	}
	return nil, exit.Errorf(exit.Failed, "opening the folder for model downloads: %w", err)
}

// raw returns the checked ONNX file of a known model, from the store, from where earlier versions
// of IM2 kept it, or from the network.
func (e *ensurer) raw(ctx context.Context) (*os.File, error) {
	f, err := e.stored(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if !e.adopt(ctx) {
		partPath := e.rawPath() + ".tgz.part"
		part, err := os.OpenFile(partPath, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, e.storing("fetching the model "+e.Model, err, e.store, 0)
		}
		defer func() { _ = part.Close() }() // Its content is checked whenever it is used.
		if err := e.fetch(ctx, part); err != nil {
			return nil, err
		}
		if err := e.unpack(ctx, part); err != nil {
			return nil, e.storing("unpacking the model "+e.Model, err, e.store, e.artifact.Size)
		}
		_ = os.Remove(partPath) // It is not needed again, and does no harm.
	}
	return e.stored(ctx)
}

func (e *ensurer) rawPath() string { return filepath.Join(e.store, e.artifact.File) }

// stored opens the ONNX file in the store. One with another content is removed and counts as missing.
func (e *ensurer) stored(ctx context.Context) (*os.File, error) {
	f, err := os.Open(e.rawPath())
	if err != nil {
		return nil, err
	}
	sum, err := digest(ctx, sha256.New(), io.LimitReader(f, e.artifact.Size+1))
	if err != nil || hex.EncodeToString(sum) == e.artifact.SHA256 {
		return f, err
	}
	e.UI.Note("%s is damaged: fetching it again", f.Name())
	return nil, errors.Join(fs.ErrNotExist, f.Close(), os.Remove(e.rawPath()))
}

// adopt moves the ONNX file into the store that earlier versions of IM2 kept in the cache folder,
// and reports whether it could.
func (e *ensurer) adopt(ctx context.Context) bool {
	f, err := weights.Files{Root: e.cache}.Open(e.artifact.File)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // It was only read.
	if e.keep(ctx, f) != nil {
		return false
	}
	_ = e.cache.Remove(e.artifact.File) // The pieces take its place.
	return true
}

// unpack takes the ONNX file out of the tarball, and nothing beyond the sizes that are pinned.
func (e *ensurer) unpack(ctx context.Context, part *os.File) error {
	unzipped, err := gzip.NewReader(bufio.NewReader(io.NewSectionReader(part, 0, e.artifact.TarballSize)))
	if err != nil {
		return err
	}
	archive := tar.NewReader(io.LimitReader(unzipped, e.artifact.Size+otherMembers))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return errContent
		}
		if err != nil {
			return err
		}
		if header.Name == e.artifact.Member {
			return e.keep(ctx, archive)
		}
	}
}

// keep puts the ONNX file that r has into the store, if it is what it must be.
func (e *ensurer) keep(ctx context.Context, r io.Reader) error {
	temp, err := os.CreateTemp(e.store, ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // Unless it has its name.
	defer func() { _ = temp.Close() }()           // Below, where it counts.
	bar := e.UI.Progress("unpacking the model "+e.Model, e.artifact.Size, term.Bytes)
	defer bar.Done()
	var done int64
	counted := place.Reader(ctx, io.LimitReader(r, e.artifact.Size), func(n int) {
		done += int64(n)
		bar.Set(done)
	})
	sum, err := digest(ctx, sha256.New(), io.TeeReader(counted, temp))
	if err != nil {
		return err
	}
	if hex.EncodeToString(sum) != e.artifact.SHA256 {
		return errContent
	}
	if err := errors.Join(temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), e.rawPath())
}

// intact reports whether the part is the whole tarball.
func (e *ensurer) intact(ctx context.Context, part *os.File) (bool, error) {
	sum, err := digest(ctx, sha512.New(), io.NewSectionReader(part, 0, e.artifact.TarballSize+1))
	if err != nil {
		return false, fmt.Errorf("checking the download: %w", err)
	}
	return "sha512-"+base64.StdEncoding.EncodeToString(sum) == e.artifact.Integrity, nil
}

// digest reads r to its end.
func digest(ctx context.Context, h hash.Hash, r io.Reader) ([]byte, error) {
	if _, err := io.Copy(h, place.Reader(ctx, r, func(int) {})); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
