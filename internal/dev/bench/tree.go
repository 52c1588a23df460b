package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/ownership"
)

// tree is a tree of empty files: folders in two levels, a hundred in each, and the files
// spread evenly over them. What it is called is computed, not remembered.
type tree struct {
	root           string
	files, folders int
}

// entries is how many files and folders there are, the root included.
func (t tree) entries() int64 { return int64(t.files) + int64(t.folders) + 1 }

// folder is the path of folder n; -1 is the root.
func (t tree) folder(n int) string {
	if n < 0 {
		return t.root
	}
	group := filepath.Join(t.root, fmt.Sprintf("%04d", n/100))
	if n%100 == 0 {
		return group // the first of a hundred holds the others
	}
	return filepath.Join(group, fmt.Sprintf("%02d", n%100))
}

// in returns the numbers of the files in folder n: from first, up to but not including
// last. Without folders they are all in the root.
func (t tree) in(n int) (first, last int) {
	switch {
	case t.folders == 0 && n < 0:
		return 0, t.files
	case n < 0:
		return 0, 0
	default:
		return n * t.files / t.folders, (n + 1) * t.files / t.folders
	}
}

func file(folder string, n int) string { return filepath.Join(folder, fmt.Sprintf("%07d.wav", n)) }

// each calls do for every folder, several at once, and passes on the first error.
func (t tree) each(ctx context.Context, do func(n int) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.GOMAXPROCS(0))
	for n := -1; n < t.folders && inner.Err() == nil; n++ {
		g.Go(func() error {
			if err := inner.Err(); err != nil {
				return err
			}
			return do(n)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// make makes the tree in its root, which is there already. seen is told how many files
// there are.
func (t tree) make(ctx context.Context, seen func(int64)) error {
	for n := range t.folders { // the first of a hundred before the others
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := os.Mkdir(t.folder(n), 0o755); err != nil { //nolint:gosec // ownership.FolderMode
			return err
		}
	}
	var made atomic.Int64
	return t.each(ctx, func(n int) error {
		first, last := t.in(n)
		for i := first; i < last; i++ {
			if i%1000 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			f, err := os.OpenFile(file(t.folder(n), i), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // ownership.FileMode
			if err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
			seen(made.Add(1))
		}
		return nil
	})
}

// spoil gives every entry another owner and mode.
func (t tree) spoil(ctx context.Context, o ownership.Owner) error {
	return t.each(ctx, func(n int) error {
		folder := t.folder(n)
		first, last := t.in(n)
		for i := first; i < last; i++ {
			if err := spoil(file(folder, i), o, 0o640); err != nil {
				return err
			}
		}
		return spoil(folder, o, 0o750)
	})
}

// spoilSome gives one file in step another owner and mode.
func (t tree) spoilSome(ctx context.Context, o ownership.Owner, step int) error {
	return t.each(ctx, func(n int) error {
		first, last := t.in(n)
		for i := (first + step - 1) / step * step; i < last; i += step {
			if err := spoil(file(t.folder(n), i), o, 0o640); err != nil {
				return err
			}
		}
		return nil
	})
}

func spoil(path string, o ownership.Owner, mode os.FileMode) error {
	if err := os.Lchown(path, int(o.UID), int(o.GID)); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}
