package model

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/filestate"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/weights"
)

// abandoned is how old a half-prepared model must be before it is removed: another user's run may
// be making it.
const abandoned = time.Hour

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
	e.sweep()
	temp := e.tempName()
	m, err := e.fill(ctx, temp, source, size)
	if err == nil {
		err = e.swap(temp)
	}
	if err != nil {
		_ = place.RemoveAllIn(e.cache, temp) // The error says more than what is left over would.
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

func (e *ensurer) tempName() string { return "." + e.folder() + ".tmp-" + rand.Text() }

// fill prepares the model into a new folder of this name, and returns when everything is on the disk.
func (e *ensurer) fill(ctx context.Context, name string, source io.ReaderAt, size int64) (weights.Manifest, error) {
	folder, err := place.NewFolderIn(e.cache, name)
	if err != nil {
		return weights.Manifest{}, err
	}
	defer func() { _ = folder.Close() }() // What is in it was closed before.
	bar := e.UI.Progress("preparing the model "+e.Model, size, term.Bytes)
	defer bar.Done()
	var written int64
	create := func(name string) (io.WriteCloser, error) {
		f, err := folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return &piece{File: f, e: e, wrote: func(n int) {
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
	if err := errors.Join(err, f.Close()); err != nil {
		return m, err
	}
	dir, err := folder.Open(".")
	if err != nil {
		return m, err
	}
	defer func() { _ = dir.Close() }() // It was only read.
	return m, errors.Join(e.settle(dir, place.FolderMode), place.SyncIn(folder, "."))
}

// piece is a file that is being written.
type piece struct {
	*os.File
	e     *ensurer
	wrote func(n int)
}

func (p *piece) Write(data []byte) (int, error) {
	n, err := p.File.Write(data)
	p.wrote(n)
	return n, err
}

// Close gives the file its owner and puts it on the disk.
func (p *piece) Close() error {
	return errors.Join(p.e.settle(p.File, place.FileMode), p.Sync(), p.File.Close())
}

// swap replaces the prepared model by the folder temp.
func (e *ensurer) swap(temp string) error {
	old := e.tempName()
	if err := e.cache.Rename(e.folder(), old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := e.cache.Rename(temp, e.folder()); err != nil {
		return err
	}
	_ = place.RemoveAllIn(e.cache, old) // sweep removes what is left.
	return place.SyncIn(e.cache, ".")
}

// sweep removes what killed runs left.
func (e *ensurer) sweep() {
	dir, err := e.cache.Open(".")
	if err != nil {
		return
	}
	defer func() { _ = dir.Close() }() // It was only read.
	entries, _ := dir.ReadDir(1000)    // A few are there; a container may have made any number.
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), "."+e.folder()+".tmp-") && time.Since(info.ModTime()) > abandoned {
			_ = place.RemoveAllIn(e.cache, entry.Name()) // The next run tries it again.
		}
	}
}

// settle gives an open file or folder, made by this run, its owner and mode. Engines in a virtual machine, as
// everywhere but on Linux, show a container the files of the host as its own: there a refusal does not matter.
func (e *ensurer) settle(f *os.File, mode fs.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil // Files have no such owners there.
	}
	if err := f.Chown(int(e.Owner.UID), int(e.Owner.GID)); err != nil && (runtime.GOOS == "linux" || !errors.Is(err, fs.ErrPermission)) {
		return exit.Errorf(exit.Failed,
			`giving the model to the app user %s: %w; run the command as that user or as root, or set the IDs of "id" in .env.local`,
			e.Owner, cause(err))
	}
	return f.Chmod(mode)
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
	case dir == e.Dir:
		return e.denied(fmt.Sprintf("%s into %q", doing, dir), err)
	}
	return exit.Errorf(exit.Failed, "%s into %q: %w", doing, dir, err)
}

// denied explains an error that is mostly one of permissions.
func (e *ensurer) denied(doing string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return exit.Errorf(exit.Failed,
			`%s: %w; the folder belongs to another user: "mage reset-permissions" gives it to the app user %s, `+
				`and "id" shows whether that is you`, doing, err, e.Owner)
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
