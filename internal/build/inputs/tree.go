package inputs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"github.com/im2-audio/im2/internal/filestate"
	"github.com/im2-audio/im2/internal/safetext"
)

// tree is a build context as BuildKit would see it.
type tree struct {
	root  string
	files []File
	// seen are the states of the files by path, for the next time.
	seen map[string]known
	// all are the states as they were read, also those that the next run must not believe.
	all map[string]known
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

// filter returns the options of Buildx's own walk, so that both read patterns alike.
func (s scope) filter() *fsutil.FilterOpt {
	opt := &fsutil.FilterOpt{ExcludePatterns: s.ignored}
	if !slices.Contains(s.sources, ".") {
		opt.FollowPaths = s.sources
	}
	return opt
}

func walk(ctx context.Context, s scope, last map[string]known) (*tree, error) {
	t := &tree{root: s.root, seen: make(map[string]known, len(last)), all: make(map[string]known, len(last))}
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

func (t *tree) take(path string, info fs.FileInfo, last map[string]known, began time.Time) error {
	f := File{Path: filepath.ToSlash(path), Mode: info.Mode()}
	stat, ok := info.Sys().(*types.Stat)
	if !ok {
		stat = &types.Stat{}
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		f.Content = stat.Linkname
	case !info.IsDir(): // to the walk, a socket is a regular file
		s, err := t.content(path, stat.Xattrs, last, began)
		if err != nil {
			return err
		}
		f.Content = hex.EncodeToString(s.sum[:])
	}
	t.files = append(t.files, f)
	return nil
}

// content returns a file's state with the digest of its content and of its extended attributes, which COPY
// keeps. If nothing about the file has changed, it is the state of the last walk.
func (t *tree) content(path string, attributes map[string][]byte, last map[string]known, began time.Time) (known, error) {
	full := filepath.Join(t.root, path)
	info, err := os.Lstat(full)
	if err != nil {
		return known{}, err
	}
	if kind, refused := notHoldable[info.Mode().Type()&^fs.ModeCharDevice]; refused {
		return known{}, &fs.PathError{Op: "copy", Path: full, Err: fmt.Errorf("it is %s: %w", kind, errNotHoldable)}
	}
	now, old := known{State: filestate.Of(info)}, last[path]
	t.newest = max(t.newest, cmp.Or(now.Changed, now.Modified)) // an mtime may be in the future
	if old.State == now.State {
		t.seen[path], t.all[path] = old, old
		return old, nil
	}
	if now.sum, err = hashFile(full); err != nil {
		return known{}, err
	}
	if len(attributes) > 0 {
		r := recorder{sha256.New()}
		r.add(string(now.sum[:]), strconv.Itoa(len(attributes)))
		for _, name := range slices.Sorted(maps.Keys(attributes)) {
			r.add(name, string(attributes[name]))
		}
		now.sum = [sha256.Size]byte(r.Sum(nil))
	}
	t.read++
	t.seen[path], t.all[path] = now, now
	switch {
	case old.LooksSame(now.State) && old.sum != now.sum:
		t.unnoticed = append(t.unnoticed, full)
		t.seen[path] = old // BuildKit has that one until somebody touches the file
	case !now.Settled(began):
		t.seen[path] = now.doubted()
	}
	return now, nil
}

// errNotHoldable is what a build context has that an image cannot hold.
var errNotHoldable = errors.New("images cannot contain sockets, pipes or devices")

// notHoldable are the types of files that an image cannot contain. BuildKit would make an empty file of a socket or
// a device and drop a pipe, without a message.
var notHoldable = map[fs.FileMode]string{fs.ModeSocket: "a socket", fs.ModeNamedPipe: "a named pipe", fs.ModeDevice: "a device"}

func hashFile(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may have become a FIFO
	if err != nil {
		return sum, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

func (t *tree) explain(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return fmt.Errorf("reading %s for the build: %w; fix: repair or remove it, or list it in .dockerignore", safetext.Quoted(at.Path), at.Err)
	}
	return fmt.Errorf("reading its context %s: %w", t.root, err)
}
