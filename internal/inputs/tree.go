package inputs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"github.com/im2-audio/im2/internal/filestate"
)

// tree is a build context as BuildKit would see it.
type tree struct {
	root  string
	files []File
	// seen are the states of the files by path, for the next time.
	seen map[string]known
	// unnoticed are files that changed in a way BuildKit does not see (see Unnoticed).
	unnoticed []string
	read      int   // files whose content was read
	newest    int64 // last change of any file, in nanoseconds
}

// scope is what a build sees of a context.
type scope struct {
	// root is the context's folder.
	root string
	// sources are the paths that it asks for, with wildcards, relative to root; "." for all.
	sources []string
	// ignored are the patterns of the ignore file in force.
	ignored []string
}

// filter is what Buildx gives its own walk when BuildKit asks for the sources; the walk is the
// same, too, so that the two cannot disagree about a pattern.
func (s scope) filter() *fsutil.FilterOpt {
	opt := &fsutil.FilterOpt{ExcludePatterns: s.ignored}
	if !slices.Contains(s.sources, ".") {
		opt.FollowPaths = s.sources
	}
	return opt
}

// walk reads a build context. last are the files' states at the last walk.
func walk(ctx context.Context, s scope, last map[string]known) (*tree, error) {
	t := &tree{root: s.root, seen: make(map[string]known, len(last))}
	if len(s.sources) == 0 {
		return t, nil // no filter would mean all of it
	}
	source, err := fsutil.NewFS(s.root)
	if err == nil {
		source, err = fsutil.NewFilterFS(source, s.filter())
	}
	if err != nil {
		return nil, t.explain(err)
	}
	began := time.Now()
	err = source.Walk(ctx, "/", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return t.take(path, info, last, began)
	})
	if err != nil {
		return nil, t.explain(err)
	}
	return t, nil
}

// take adds one entry.
func (t *tree) take(path string, info fs.FileInfo, last map[string]known, began time.Time) error {
	f := File{Path: filepath.ToSlash(path), Mode: info.Mode()}
	switch {
	case holdable(info.Mode()) != nil:
		return &fs.PathError{Op: "copying", Path: filepath.Join(t.root, path), Err: holdable(info.Mode())}
	case info.Mode()&fs.ModeSymlink != 0:
		if stat, ok := info.Sys().(*types.Stat); ok {
			f.Content = stat.Linkname
		}
	case info.Mode().IsRegular():
		s, err := t.content(path, last, began)
		if err != nil {
			return err
		}
		f.Content = hex.EncodeToString(s.sum[:])
	}
	t.files = append(t.files, f)
	return nil
}

// content returns a file's state with the digest of its content: the known one where nothing
// about the file has changed since, otherwise a new one.
func (t *tree) content(path string, last map[string]known, began time.Time) (known, error) {
	full := filepath.Join(t.root, path)
	info, err := os.Lstat(full)
	if err != nil {
		return known{}, err
	}
	if err := holdable(info.Mode()); err != nil { // the walk makes files of sockets
		return known{}, &fs.PathError{Op: "copying", Path: full, Err: err}
	}
	now, old := known{State: filestate.Of(info)}, last[path]
	t.newest = max(t.newest, now.Modified, now.Changed)
	if old.State == now.State {
		t.seen[path] = old
		return old, nil
	}
	if now.sum, err = hashFile(full); err != nil {
		return known{}, err
	}
	t.read++
	if old.LooksSame(now.State) && old.sum != now.sum {
		t.unnoticed = append(t.unnoticed, full)
	}
	if now.Settled(began) {
		t.seen[path] = now
	}
	return now, nil
}

// errNotHoldable is what a build context has that an image cannot hold.
var errNotHoldable = errors.New("an image cannot hold it")

// holdable says what keeps a file of this mode out of an image. BuildKit would make an empty
// file of a socket or a device and drop a pipe, without a word.
func holdable(mode fs.FileMode) error {
	switch {
	case mode&fs.ModeSocket != 0:
		return fmt.Errorf("it is a socket: %w", errNotHoldable)
	case mode&fs.ModeNamedPipe != 0:
		return fmt.Errorf("it is a named pipe: %w", errNotHoldable)
	case mode&fs.ModeDevice != 0:
		return fmt.Errorf("it is a device: %w", errNotHoldable)
	}
	return nil
}

// hashFile returns the SHA-256 of a file's content.
func hashFile(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path) //nolint:gosec // a file of the build context
	if err != nil {
		return sum, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// explain says what can be done about an entry that cannot be read.
func (t *tree) explain(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("reading the build context %s: %w; make it readable, or name it in .dockerignore", t.root, err)
	}
	if errors.Is(err, errNotHoldable) {
		return fmt.Errorf("reading the build context %s: %w; remove it, or name it in .dockerignore", t.root, err)
	}
	return fmt.Errorf("reading the build context %s: %w", t.root, err)
}
