package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/ownership"
)

// Permissions is the part about resetting owners and modes.
type Permissions struct {
	Machine Machine `json:"machine"`
	// Files and Folders are what the tree had, Runs how often each way ran.
	Files   int `json:"files"`
	Folders int `json:"folders"`
	Runs    int `json:"runs"`
	// Cases are the states of the tree.
	Cases []Case `json:"cases"`
}

// What people type: three walks, or one that changes only what is wrong.
const (
	threeWalks = `set -e
mkdir -p "$1"
chown -R "$2:$3" "$1"
find "$1" -type d -exec chmod 755 {} +
find "$1" -type f -exec chmod 644 {} +`
	oneWalk = `exec find "$1" \
	\( \( ! -user "$2" -o ! -group "$3" \) -exec chown -h "$2:$3" {} + \) , \
	\( -type d ! -perm 755 -exec chmod 755 {} + \) , \
	\( -type f ! -perm 644 -exec chmod 644 {} + \)`
)

// The owner that the tree is given, and the one that it is taken from: numbers that no account has.
var wanted, other = ownership.Owner{UID: 1001, GID: 1001}, ownership.Owner{UID: 1002, GID: 1002}

// Permissions measures every way of resetting a tree of files in folders. It needs root, and
// removes what it made, also when ctx ends. Cases that were complete before an error are
// returned with it.
func (b *Bench) Permissions(ctx context.Context, files, folders int) (Permissions, error) {
	p := Permissions{Machine: machine(), Files: files, Folders: folders, Runs: b.Runs}
	helper, err := b.own(ctx, tools.Helper)
	if err != nil {
		return p, err
	}
	measure, err := b.own(ctx, tools.Measure)
	if err != nil {
		return p, err
	}
	path, remove, err := b.folder()
	if err != nil {
		return p, err
	}
	defer remove(ctx)
	t := tree{root: path, files: files, folders: folders}
	progress := b.UI.Progress("creating a tree", 0, term.Count)
	err = t.make(ctx, progress.Set)
	progress.Done()
	if err == nil {
		_, err = ownership.Reset(ctx, ownership.Request{Folder: path, Owner: wanted})
	}
	if err != nil {
		return p, exit.Errorf(exit.Failed, "creating a tree in %s: %w", path, err)
	}
	const ours = "mage reset-permissions"
	uid, gid := strconv.Itoa(int(wanted.UID)), strconv.Itoa(int(wanted.GID))
	names := []string{"chown -R, find, find", "find, one careful pass", ours, "statx alone, two threads"}
	ways := [][]string{
		{"sh", "-c", threeWalks, "sh", path, uid, gid},
		{"sh", "-c", oneWalk, "sh", path, uid, gid},
		{helper, "im2-reset", "-folder=" + path, "-owner=" + wanted.String()},
		{measure, "walk", path},
	}
	for _, state := range []struct {
		name  string
		wrong int // one entry in so many is wrong before each run
	}{{"all right", 0}, {"all wrong", 1}, {"one in a thousand wrong", 1000}} {
		c := Case{Name: state.name, Ours: ours, Entries: t.entries()}
		able := names
		if state.wrong > 0 {
			able = names[:len(names)-1] // the last one changes nothing
		}
		c, err := b.inTurn(c, able, func(way, _ int) (Figures, error) {
			if err := t.spoil(ctx, state.wrong); err != nil {
				return Figures{}, err
			}
			f, err := b.measure(ctx, run.Cmd{Name: ways[way][0], Args: ways[way][1:], Env: b.Environ})
			return f, cmp.Or(err, t.check(ctx))
		})
		if err != nil {
			return p, err
		}
		p.Cases = append(p.Cases, c)
	}
	return p, nil
}

// tree is a tree of empty files: folders in two levels, a hundred in each, and the files
// spread evenly over them.
type tree struct {
	root           string
	files, folders int
}

func (t tree) entries() int64 { return int64(t.files) + int64(t.folders) + 1 }

func (t tree) make(ctx context.Context, seen func(int64)) error {
	for n := range t.folders {
		folder := filepath.Join(t.root, fmt.Sprintf("%04d", n/100)) // the first of a hundred holds the others
		if n%100 > 0 {
			folder = filepath.Join(folder, fmt.Sprintf("%02d", n%100))
		}
		if err := cmp.Or(ctx.Err(), os.Mkdir(folder, ownership.FolderMode)); err != nil {
			return err
		}
		for i := n * t.files / t.folders; i < (n+1)*t.files/t.folders; i++ {
			path := filepath.Join(folder, fmt.Sprintf("%07d.wav", i))
			if err := cmp.Or(ctx.Err(), os.WriteFile(path, nil, ownership.FileMode)); err != nil {
				return err
			}
			seen(int64(i) + 1)
		}
	}
	return nil
}

// spoil gives one entry in so many another owner and mode; none for 0.
func (t tree) spoil(ctx context.Context, step int) error {
	if step == 0 {
		return nil
	}
	n := 0
	return filepath.WalkDir(t.root, func(path string, d fs.DirEntry, err error) error {
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		if n++; n%step > 0 {
			return nil
		}
		mode := fs.FileMode(0o640)
		if d.IsDir() {
			mode = 0o750
		}
		return errors.Join(os.Lchown(path, int(other.UID), int(other.GID)), os.Chmod(path, mode)) //nolint:gosec // G122: nobody else is in the tree
	})
}

func (t tree) check(ctx context.Context) error {
	left, err := ownership.Reset(ctx, ownership.Request{Folder: t.root, Owner: wanted, DryRun: true})
	if err == nil && (left.Seen != t.entries() || left.OwnersChanged+left.ModesChanged+left.RightsRemoved > 0 || left.ProblemCount() > 0) {
		err = fmt.Errorf("afterwards %d owners and %d modes of %d entries are wrong", left.OwnersChanged, left.ModesChanged, left.Seen)
	}
	return err
}
