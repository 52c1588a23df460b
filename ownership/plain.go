//go:build !linux

package ownership

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/im2-audio/im2/internal/exit"
)

func ensure(root string, folders []string, owner Owner) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return exit.Errorf(exit.Unusable, "opening the project's folder: %w", err)
	}
	defer r.Close() //nolint:errcheck // only read
	for _, folder := range folders {
		if err := ensureOne(r, folder, owner); err != nil {
			return wordEnsure(filepath.Join(root, folder), owner, err)
		}
	}
	return nil
}

func ensureOne(r *os.Root, rel string, owner Owner) error {
	// 0700 until it belongs to whom it shall: nobody else gets in meanwhile.
	if err := r.Mkdir(rel, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := r.Lstat(rel)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errNoFolder
	}
	_, err = set(r, rel, info, owner, false)
	return err
}

// reset is the plain walk: one thread, by name relative to open folders. It never follows
// a link, but an entry that others replace while it is being set may be the wrong one.
func reset(ctx context.Context, req Request) (Summary, error) {
	r, err := os.OpenRoot(req.Folder)
	if err != nil {
		return Summary{}, exit.Errorf(exit.Unusable, "opening the folder to reset: %w", err)
	}
	defer r.Close() //nolint:errcheck // nothing was written through it
	w := &walk{req: req}
	info, err := r.Lstat(".")
	if err != nil {
		return Summary{}, exit.Errorf(exit.Unusable, "looking at %s: %w", req.Folder, err)
	}
	w.entry(r, ".", ".", info)
	err = w.folder(ctx, r, ".")
	w.report.into(&w.sum)
	return w.sum, err
}

// walk is the state of one reset.
type walk struct {
	req    Request
	sum    Summary
	report report
}

// folder visits what is in r; at is its path for messages.
func (w *walk) folder(ctx context.Context, r *os.Root, at string) error {
	dir, err := r.Open(".")
	if err != nil {
		w.problem(at, err)
		return nil
	}
	defer dir.Close() //nolint:errcheck // only read
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("resetting %s: %w; the next run goes on", w.req.Folder, err)
		}
		entries, err := dir.ReadDir(1024)
		for _, e := range entries {
			if err := w.visit(ctx, r, filepath.Join(at, e.Name()), e.Name()); err != nil {
				return err
			}
		}
		if err != nil || len(entries) == 0 {
			return nil // io.EOF; an unreadable folder was a problem when it was opened
		}
	}
}

func (w *walk) visit(ctx context.Context, r *os.Root, at, name string) error {
	info, err := r.Lstat(name)
	if err != nil {
		w.problem(at, err)
		return nil
	}
	w.entry(r, at, name, info)
	if !info.IsDir() {
		return nil
	}
	sub, err := r.OpenRoot(name)
	if err != nil {
		w.problem(at, err)
		return nil
	}
	defer sub.Close() //nolint:errcheck // nothing was written through it
	return w.folder(ctx, sub, at)
}

func (w *walk) entry(r *os.Root, at, name string, info fs.FileInfo) {
	w.sum.Seen++
	if w.req.Seen != nil && w.sum.Seen%4096 == 0 {
		w.req.Seen(w.sum.Seen)
	}
	changed, err := set(r, name, info, w.req.Owner, w.req.DryRun)
	if changed.owner {
		w.sum.Owner++
	}
	if changed.mode {
		w.sum.Mode++
	}
	if err != nil {
		w.problem(at, err)
	}
}

// problem records an entry that could not be set, or counts one that is gone.
func (w *walk) problem(at string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		w.sum.Vanished++
		return
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the path is said already
	}
	w.report.add(func() string { return at }, "", err.Error())
}
