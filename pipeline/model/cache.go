package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/filestate"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/modelfolder"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/weights"
)

// errReplaced is returned when another program changed what was being written.
var errReplaced = errors.New("another program has changed it meanwhile")

// openCache opens the cache folder, without leaving data on the way. Whatever its path leads to later,
// this is the folder that is worked in.
func openCache(data, dir string) (*os.Root, error) {
	var root *os.Root
	data = cmp.Or(data, dir)
	name, err := filepath.Rel(data, dir)
	if err == nil {
		root, err = place.OpenRoot(data, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Fixable(exit.Failed, exit.Fix{Type: "mage demucs-cache", Note: "makes it"}, `opening the model cache %q: %w`, dir, err)
	}
	if err != nil {
		return nil, exit.Errorf(exit.Failed,
			`opening the model cache %q: %w; it must be a folder, and no link may lead out of the data folder`, dir, err)
	}
	return root, nil
}

// put prepares the model from source into a new folder, which then replaces that in the cache
// as a whole, and reads it again: a container may have changed it meanwhile.
func (e *ensurer) put(ctx context.Context, source io.ReaderAt, size int64) (weights.Manifest, error) {
	doing := "preparing the model " + e.Model
	m, err := e.fill(ctx, source, size)
	if err != nil {
		if errors.As(err, new(*weights.GraphError)) || ctx.Err() != nil {
			return m, exit.Errorf(exit.Failed, "%s: %w", doing, err)
		}
		return m, e.storing(doing, err, e.Dir, size)
	}
	again, err := weights.Check(ctx, e.cache, e.Model, e.Precision, m.Digest())
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", errReplaced, err)
		}
		return m, exit.Errorf(exit.Failed, "%s into %q: %w", doing, e.target(), err)
	}
	if e.pinned != "" && again.Digest() != e.pinned {
		return m, exit.Errorf(exit.Failed, "%s: the result is not what this version of IM2 was checked with; please report this", doing)
	}
	return again, e.note(again)
}

// fill prepares the model into the cache, and returns when everything is on the disk.
func (e *ensurer) fill(ctx context.Context, source io.ReaderAt, size int64) (weights.Manifest, error) {
	folder, err := e.Folder(ctx, e.cache, e.folder())
	if err != nil {
		return weights.Manifest{}, err
	}
	m, err := e.write(ctx, folder, source, size)
	if err == nil {
		err = folder.Commit()
	}
	if err != nil {
		folder.Discard()
	}
	return m, err
}

func (e *ensurer) write(ctx context.Context, folder modelfolder.Writer, source io.ReaderAt, size int64) (weights.Manifest, error) {
	bar := e.UI.Progress("preparing the model "+e.Model, size, term.Bytes)
	defer bar.Done()
	var written int64
	create := func(name string) (io.WriteCloser, error) {
		f, err := folder.Create(name)
		return &piece{f, func(n int) {
			written += int64(n)
			bar.Set(min(written, size))
		}}, err
	}
	m, err := e.prepare(ctx, source, size, weights.Request{Model: e.Model, Precision: e.Precision}, create)
	if err != nil {
		return m, err
	}
	f, err := create(weights.ManifestFile)
	if err != nil {
		return m, err
	}
	_, err = f.Write(m.Bytes())
	return m, errors.Join(err, f.Close())
}

// piece is a file that is being written.
type piece struct {
	io.WriteCloser
	wrote func(n int)
}

func (p *piece) Write(data []byte) (int, error) {
	n, err := p.WriteCloser.Write(data)
	p.wrote(n)
	return n, err
}

// note remembers the digest of a model that is not pinned.
func (e *ensurer) note(m weights.Manifest) error {
	if e.pinned != "" || e.Notes == "" || e.digest() == m.Digest() {
		return nil
	}
	if err := filestate.Keep(e.notePath(), []byte(m.Digest()+"\n")); err != nil {
		return exit.Errorf(exit.Failed, "remembering the digest of the model %s: %w", e.Model, err)
	}
	return nil
}

// digest is what the manifest's must be, or "" if it is not known.
func (e *ensurer) digest() string {
	if e.pinned != "" || e.Notes == "" {
		return e.pinned
	}
	f, err := os.Open(e.notePath())
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // It was only read.
	var digest string
	_, _ = fmt.Fscanf(f, "%64s\n", &digest) // It stays empty.
	return digest
}

func (e *ensurer) notePath() string { return filepath.Join(e.Notes, e.folder()+".sha256") }

// enoughSpace refuses before the download what would fail at its end.
func (e *ensurer) enoughSpace(offset int64) error {
	for dir, needed := range map[string]int64{e.store: e.needed(offset), e.Dir: e.artifact.Size} {
		if free, known := e.free(dir); known && free < needed {
			return e.full("fetching the model "+e.Model, syscall.ENOSPC, dir, needed)
		}
	}
	return nil
}

// needed is how many bytes are still to be written to the store if offset bytes of the tarball are there.
func (e *ensurer) needed(offset int64) int64 {
	return e.artifact.TarballSize - offset + e.artifact.Size
}

// storing explains an error in writing to dir, where so many bytes are needed.
func (e *ensurer) storing(doing string, err error, dir string, needed int64) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return e.full(doing, err, dir, needed)
	case errors.As(err, new(*exit.Error)):
		return err
	}
	return exit.Errorf(exit.Failed, "%s into %q: %w", doing, dir, err)
}

// denied explains an error that is mostly one of permissions.
func (e *ensurer) denied(doing string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return exit.Fixable(exit.Failed, exit.Fix{Type: "mage reset-permissions", Note: "lets everybody read it"}, "%s: %w", doing, err)
	}
	return exit.Errorf(exit.Failed, "%s: %w", doing, err)
}

// full says how much space is missing. What was downloaded is kept.
func (e *ensurer) full(doing string, err error, dir string, needed int64) error {
	free := "the free space is unknown"
	if n, known := e.free(dir); known {
		free = size(n) + " are free"
	}
	return exit.Errorf(exit.Failed, `%s: %w in %q: %s are needed and %s; make room, then "mage demucs-cache" continues`,
		doing, cause(err), filepath.Clean(dir), size(needed), free)
}

// cause leaves the path of a hidden file out of an error.
func cause(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}
