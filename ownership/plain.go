//go:build !linux

package ownership

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

func ensure(root string, folders []string, want want) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return &RefusedError{Op: "opening", Subject: root, Err: err}
	}
	defer func() { _ = r.Close() }() // only read
	for _, folder := range folders {
		if err := ensureOne(r, folder, want); err != nil {
			return ensureError(filepath.Join(root, folder), want.owner, err)
		}
	}
	return nil
}

func ensureOne(r *os.Root, rel string, want want) error {
	// 0700 until it has its owner: nobody else gets in meanwhile.
	if err := r.Mkdir(rel, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := r.Lstat(rel)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return ErrNotFolder
	}
	_, err = set(r, rel, info, want, false)
	return err
}

// reset is the plain walk: one thread, by name relative to open folders. It never follows
// a link, but an entry that others replace while it is being set may be the wrong one.
func reset(ctx context.Context, req Request) (Summary, error) {
	r, err := os.OpenRoot(req.Folder)
	if err != nil {
		return nothing(), &RefusedError{Op: "opening", Subject: req.Folder, Err: err}
	}
	defer func() { _ = r.Close() }() // nothing was written through it
	return resetIn(ctx, req, r)
}

// resetIn is reset of a folder that is open already.
func resetIn(ctx context.Context, req Request, r *os.Root) (Summary, error) {
	w := &walk{req: req, want: req.want()}
	info, err := r.Lstat(".")
	if err != nil {
		return nothing(), &RefusedError{Op: "reading", Subject: req.Folder, Err: err}
	}
	w.entry(r, ".", ".", info)
	err = w.folder(ctx, r, ".")
	w.report.into(&w.sum)
	return w.sum, err
}

// walk is the state of one reset.
type walk struct {
	req    Request
	want   want
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
	defer func() { _ = dir.Close() }() // only read
	for {
		if err := ctx.Err(); err != nil {
			return interrupted(w.req.Folder, err)
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
	sub, err := r.OpenRoot(name + "/.") // of a FIFO that took its place, there is no such name
	if err != nil {
		w.problem(at, err)
		return nil
	}
	defer func() { _ = sub.Close() }() // nothing was written through it
	return w.folder(ctx, sub, at)
}

func (w *walk) entry(r *os.Root, at, name string, info fs.FileInfo) {
	w.sum.Seen++
	if w.req.Progress != nil && w.sum.Seen%4096 == 0 {
		w.req.Progress(w.sum.Seen)
	}
	changed, err := set(r, name, info, w.want, w.req.DryRun)
	if changed.owner {
		w.sum.OwnersChanged++
	}
	if changed.mode {
		w.sum.ModesChanged++
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
