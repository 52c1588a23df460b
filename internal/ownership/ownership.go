// Package ownership gives the data folder the owner and the modes that every service
// agrees on: the app user's UID and GID, 755 for folders, 644 for files.
//
// No symbolic link is ever followed, and nothing outside of the folder is reached: all
// steps are relative to an open os.Root. An entry that is right already is not written.
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

// The modes of SPEC point 5.
const (
	FolderMode fs.FileMode = 0o755
	FileMode   fs.FileMode = 0o644
)

// Owner is whom things shall belong to.
type Owner struct {
	// UID and GID are the numeric IDs.
	UID, GID uint32
}

// Problem is an entry that could not be set right.
type Problem struct {
	// Path is relative to the folder that was reset.
	Path string `json:"path"`
	// Reason says why.
	Reason string `json:"reason"`
}

// Summary counts what a reset saw and did.
type Summary struct {
	// Seen is the number of entries, the folder itself included.
	Seen int64 `json:"seen"`
	// Owner and Mode count the entries of which that was changed (or would be, dry).
	Owner int64 `json:"changed_owner"`
	Mode  int64 `json:"changed_mode"`
	// Vanished counts entries that went away between listing and looking.
	Vanished int64 `json:"vanished"`
	// Problems are the entries that could not be set right.
	Problems []Problem `json:"problems"`
}

// Ensure makes the folders, parents first, with the owner and FolderMode. Only the
// folders themselves are looked at, not what is in them. root is an existing folder
// above all of them.
func Ensure(root string, folders []string, owner Owner) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return exit.Errorf(exit.Unusable, "opening the project's folder: %w", err)
	}
	defer r.Close() //nolint:errcheck // only read
	for _, folder := range folders {
		rel, err := filepath.Rel(root, folder)
		if err != nil {
			return exit.Errorf(exit.Unusable, "placing %s below %s: %w", folder, root, err)
		}
		if err := ensure(r, rel, owner); err != nil {
			return wordEnsure(folder, owner, err)
		}
	}
	return nil
}

func ensure(r *os.Root, rel string, owner Owner) error {
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

// errNoFolder is returned when something else stands where a folder must be.
var errNoFolder = errors.New("it is not a folder (a link to one does not count: a container could have made it)")

func wordEnsure(folder string, owner Owner, err error) error {
	if errors.Is(err, errNoFolder) {
		return exit.Errorf(exit.Unusable, "preparing %s: %w; move it away, then try again", folder, err)
	}
	if errors.Is(err, fs.ErrPermission) {
		return exit.Errorf(exit.Failed, "giving %s to %d:%d: %w; either \"sudo chown %d:%d %s\", or use your own IDs: \"mage setup -ids\"",
			folder, owner.UID, owner.GID, err, owner.UID, owner.GID, folder)
	}
	return exit.Errorf(exit.Failed, "preparing %s: %w", folder, err)
}

// Request is one reset.
type Request struct {
	// Folder is reset all the way down.
	Folder string
	// Owner is whom everything shall belong to.
	Owner Owner
	// DryRun counts without changing anything.
	DryRun bool
	// Seen is called now and then with the number of entries so far; may be nil.
	Seen func(n int64)
}

// Reset sets owner and modes of the folder and everything in it. Entries that could not
// be set are in the Summary; the error is about the reset as a whole.
func Reset(ctx context.Context, req Request) (Summary, error) {
	r, err := os.OpenRoot(req.Folder)
	if err != nil {
		return Summary{}, exit.Errorf(exit.Unusable, "opening the folder to reset: %w", err)
	}
	defer r.Close()                                           //nolint:errcheck // nothing was written through it
	w := &walk{req: req, sum: Summary{Problems: []Problem{}}} // a list in JSON, too, where it is empty
	info, err := r.Lstat(".")
	if err != nil {
		return Summary{}, exit.Errorf(exit.Unusable, "looking at %s: %w", req.Folder, err)
	}
	w.entry(r, ".", ".", info)
	err = w.folder(ctx, r, ".")
	return w.sum, err
}

// walk is the state of one reset.
type walk struct {
	req Request
	sum Summary
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
	if w.req.Seen != nil && w.sum.Seen%1024 == 0 {
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
	w.sum.Problems = append(w.sum.Problems, Problem{Path: at, Reason: err.Error()})
}
