package bench

import (
	"context"
	"fmt"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/ownership"
)

// Permissions is the part about resetting owners and modes.
type Permissions struct {
	// Machine is where it was measured.
	Machine Machine `json:"machine"`
	// Files and Folders are what the tree had, Runs how often each way ran.
	Files   int `json:"files"`
	Folders int `json:"folders"`
	Runs    int `json:"runs"`
	// Cases are the states of the tree.
	Cases []Case `json:"cases"`
}

// Tree is what the permissions part works on.
type Tree struct {
	// Root is the project's folder. The tree is made in its .im2, or in Dir.
	Root, Dir string
	// Files and Folders are how many the tree has.
	Files, Folders int
	// Runs is how often each way runs in each case.
	Runs int
	// Wide is how many files one more case has in one folder; 0 for no such case.
	Wide int
}

// wrongIn is how many files there are to each wrong one in the case of few.
const wrongIn = 1000

// wanted and other are whom the tree shall belong to and whom it is taken from. The
// numbers are nobody's in particular.
func wanted() ownership.Owner { return ownership.Owner{UID: 1001, GID: 1001} }
func other() ownership.Owner  { return ownership.Owner{UID: 1002, GID: 1002} }

// Permissions measures every way of resetting a tree. It needs root, and removes what it
// made, also when ctx ends. Cases that were complete before an error are returned with it.
func (b *Bench) Permissions(ctx context.Context, o Tree) (Permissions, error) {
	p := Permissions{Files: o.Files, Folders: o.Folders, Runs: o.Runs}
	var err error
	if b.contender, err = b.own(ctx, tools.Contender()); err != nil {
		return p, err
	}
	if b.helper, err = b.own(ctx, tools.Helper()); err != nil {
		return p, err
	}
	whole := []state{
		{"all right", allRight},
		{"all wrong", func(ctx context.Context, t tree) error { return t.spoil(ctx, other()) }},
		{"one in a thousand wrong", func(ctx context.Context, t tree) error { return t.spoilSome(ctx, other(), wrongIn) }},
	}
	if err = b.inTree(ctx, o, tree{files: o.Files, folders: o.Folders}, &p, whole); err != nil || o.Wide == 0 {
		return p, err
	}
	return p, b.inTree(ctx, o, tree{files: o.Wide}, &p, []state{{"one wide folder, all right", allRight}})
}

// inTree makes a tree, measures each way in each state, adds the cases to p, and removes
// the tree.
func (b *Bench) inTree(ctx context.Context, o Tree, t tree, p *Permissions, states []state) error {
	path, remove, err := b.folder(o.Root, o.Dir)
	if err != nil {
		return err
	}
	defer remove(ctx)
	t.root = path
	p.Machine = machine(path)
	progress := b.UI.Progress("making a tree", 0, term.Count)
	err = t.make(ctx, progress.Set)
	progress.Done()
	if err != nil {
		return exit.Errorf(exit.Failed, "making a tree in %s: %w", path, err)
	}
	if _, err := ownership.Reset(ctx, ownership.Request{Folder: path, Owner: wanted()}); err != nil {
		return err
	}
	for _, s := range states {
		c, err := b.inState(ctx, t, o.Runs, s)
		if err != nil {
			return err
		}
		p.Cases = append(p.Cases, c)
	}
	return nil
}

// state is how a tree is before each run.
type state struct {
	name string
	// prepare brings a tree into it that is right, or is in this state already.
	prepare func(context.Context, tree) error
}

// allRight leaves the tree, which is right after each way that sets owners and modes.
func allRight(context.Context, tree) error { return nil }

// inState measures each way in one state.
func (b *Bench) inState(ctx context.Context, t tree, runs int, s state) (Case, error) {
	ways := b.ways()
	names := make([]string, 0, len(ways))
	for _, w := range ways {
		names = append(names, w.name)
	}
	c := Case{Name: s.name, Ours: resetPermissions, Entries: t.entries()}
	c, err := b.inTurn(c, names, runs, func(way, _ int) (Figures, error) { return b.reset(ctx, t, s, ways[way]) })
	if err == nil {
		b.warnDisturbed(c)
	}
	return c, err
}

// reset prepares the tree, measures one way, and checks what it did.
func (b *Bench) reset(ctx context.Context, t tree, s state, w way) (Figures, error) {
	if err := s.prepare(ctx, t); err != nil {
		return Figures{}, fmt.Errorf("preparing %q: %w", s.name, err)
	}
	settle(t.root)
	doing := fmt.Sprintf("%q, %s", w.name, s.name)
	argv := w.argv(t.root, wanted())
	f, err := b.measure(ctx, run.Cmd{Name: argv[0], Args: argv[1:], Env: b.Environ}, doing)
	if err != nil {
		return f, err
	}
	left, err := ownership.Reset(ctx, ownership.Request{Folder: t.root, Owner: wanted(), DryRun: true})
	if err != nil {
		return f, err
	}
	if left.Seen != t.entries() || left.Owner > 0 || left.Mode > 0 && w.sets || left.ProblemCount() > 0 {
		return f, exit.Errorf(exit.Failed, "measuring %s: afterwards %d owners and %d modes of %d entries are wrong",
			doing, left.Owner, left.Mode, left.Seen)
	}
	return f, nil
}
