package model

import (
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
	"github.com/im2-audio/im2/pipeline/weights"
)

const (
	// fileMode and folderMode are what everything of the data folder has: other users of the
	// host may read it.
	fileMode, folderMode = 0o644, 0o755
	// abandoned is how old a half-prepared model must be before it is removed: another user's
	// run may be making it.
	abandoned = time.Hour
)

// errReplaced is returned when another program changed what was being written.
var errReplaced = errors.New("another program has changed it meanwhile")

// prepareFunc is weights.Prepare, or a test's.
type prepareFunc func(ctx context.Context, source io.ReaderAt, size int64, req weights.Request,
	create func(name string) (io.WriteCloser, error)) (weights.Manifest, error)

// cache is the cache folder, held open: whatever its path leads to later, this is the
// folder that is worked in.
type cache struct {
	root *os.Root
	dir  string
}

// openCache opens the folder dir, without leaving data on the way.
func openCache(data, dir string) (*cache, error) {
	root, err := openWithin(data, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Fixable(exit.Failed, exit.Fix{Type: "mage demucs-cache", Note: "makes it"}, `opening the model cache %q: %w`, dir, err)
	}
	if err != nil {
		return nil, exit.Errorf(exit.Failed,
			`opening the model cache %q: %w; it must be a folder, and no link may lead out of the data folder`, dir, err)
	}
	return &cache{root: root, dir: dir}, nil
}

func openWithin(data, dir string) (*os.Root, error) {
	if data == "" {
		return os.OpenRoot(dir)
	}
	rel, err := filepath.Rel(data, dir)
	if err != nil {
		return nil, err
	}
	outer, err := os.OpenRoot(data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = outer.Close() }() // It was only read.
	return outer.OpenRoot(rel)
}

func (c *cache) close() { _ = c.root.Close() } // It has nothing to lose.

// put prepares the model from source into a new folder, which then takes its place in the cache
// as a whole, and reads it again: a container may have changed it meanwhile.
func (e *ensurer) put(ctx context.Context, source io.ReaderAt, size int64) (weights.Manifest, error) {
	doing := "preparing the model " + e.Model
	e.sweep()
	temp := "." + e.folder() + ".tmp-" + rand.Text()
	m, err := e.fill(ctx, temp, source, size)
	if err == nil {
		err = e.swap(temp)
	}
	if err != nil {
		_ = e.cache.root.RemoveAll(temp) // The error says more than what is left over would.
		var graph *weights.GraphError
		if errors.As(err, &graph) || ctx.Err() != nil {
			return m, exit.Errorf(exit.Failed, "%s: %w", doing, err)
		}
		return m, e.storing(doing, err, e.Dir, size)
	}
	again, err := weights.Check(ctx, e.cache.root, e.Model, e.Precision, m.Digest())
	switch {
	case err == nil && e.pinned != "" && again.Digest() != e.pinned:
		return m, exit.Errorf(exit.Failed, "%s: what came out is not what this version of IM2 was checked with; please report this", doing)
	case err != nil && ctx.Err() == nil:
		err = fmt.Errorf("%w: %w", errReplaced, err)
		fallthrough
	case err != nil:
		return m, exit.Errorf(exit.Failed, "%s into %q: %w", doing, e.target(), err)
	}
	return again, e.note(again)
}

// fill prepares the model into a folder of this name, which must not be there, and sees
// everything onto the disk.
func (e *ensurer) fill(ctx context.Context, name string, source io.ReaderAt, size int64) (weights.Manifest, error) {
	if err := e.cache.root.Mkdir(name, 0o700); err != nil {
		return weights.Manifest{}, err
	}
	folder, err := weights.OpenFolder(e.cache.root, name)
	if err != nil {
		return weights.Manifest{}, err
	}
	defer func() { _ = folder.Close() }() // What is in it was closed before.
	bar := e.UI.Progress("preparing the model "+e.Model, size, term.Bytes)
	defer bar.Done()
	var written int64
	create := func(name string) (io.WriteCloser, error) {
		f, err := folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
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
	return m, errors.Join(e.settle(dir, folderMode), syncFolder(dir))
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

// Close gives the file its owner and sees it onto the disk.
func (p *piece) Close() error {
	err := errors.Join(p.e.settle(p.File, fileMode), p.Sync())
	return errors.Join(err, p.File.Close())
}

// swap puts the folder temp in the place of the prepared model.
func (e *ensurer) swap(temp string) error {
	old := "." + e.folder() + ".tmp-" + rand.Text()
	if err := e.cache.root.Rename(e.folder(), old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := e.cache.root.Rename(temp, e.folder()); err != nil {
		return err
	}
	_ = e.cache.root.RemoveAll(old) // sweep removes what is left.
	dir, err := e.cache.root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // It was only read.
	return syncFolder(dir)
}

// sweep removes what runs left that were killed.
func (e *ensurer) sweep() {
	dir, err := e.cache.root.Open(".")
	if err != nil {
		return
	}
	defer func() { _ = dir.Close() }() // It was only read.
	entries, _ := dir.ReadDir(1000)    // A few are there; a container may have made any number.
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), "."+e.folder()+".tmp-") && time.Since(info.ModTime()) > abandoned {
			_ = e.cache.root.RemoveAll(entry.Name()) // The next run tries it again.
		}
	}
}

// settle gives an open file or folder, made by this run, its owner and mode.
func (e *ensurer) settle(f *os.File, mode fs.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil // Nobody owns files by numbers there.
	}
	if err := f.Chown(int(e.Owner.UID), int(e.Owner.GID)); err != nil && !ownerIsShow(err) {
		return e.chownDenied(err)
	}
	return f.Chmod(mode)
}

// ownerIsShow reports that an owner that cannot be set does not matter: engines that run
// in a virtual machine, as everywhere but on Linux, show the files of the host to a
// container as its own.
func ownerIsShow(err error) bool {
	return errors.Is(err, fs.ErrPermission) && runtime.GOOS != "linux"
}

// syncFolder makes the names in a folder last through a power cut, where the file system offers
// that: some shared folders (VirtualBox, CIFS) do not, and Windows knows no such thing.
func syncFolder(dir *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return offered(dir.Sync())
}

// offered drops the errors of fsync(2) on a folder that say that there is no such thing.
func offered(err error) error {
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
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
