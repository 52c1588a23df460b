package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/ownership"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/term"
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

// mostDisturbed is how much of one processor others may take before the figures are
// doubted: more than the kernel's own threads need to write out what is changed.
const mostDisturbed = 0.25

// wanted and other are whom the tree shall belong to and whom it is taken from. The
// numbers are nobody's in particular.
func wanted() ownership.Owner { return ownership.Owner{UID: 1001, GID: 1001} }
func other() ownership.Owner  { return ownership.Owner{UID: 1002, GID: 1002} }

// Permissions measures every way of resetting a tree. It needs root, and removes what it
// made, also when ctx ends.
func (b *Bench) Permissions(ctx context.Context, o Tree) (Permissions, error) {
	p := Permissions{Files: o.Files, Folders: o.Folders, Runs: o.Runs}
	if err := b.build(ctx); err != nil {
		return p, err
	}
	whole, err := b.wholeTree(ctx, o, &p)
	if err != nil {
		return p, err
	}
	p.Cases = whole
	if o.Wide > 0 {
		wide, err := b.inTree(ctx, o, o.Wide, 0, func(t tree) ([]Case, error) {
			return b.cases(ctx, t, o.Runs, []state{{"one wide folder, all right", allRight}})
		})
		if err != nil {
			return p, err
		}
		p.Cases = append(p.Cases, wide...)
	}
	return p, nil
}

// wholeTree measures the cases of a tree with folders.
func (b *Bench) wholeTree(ctx context.Context, o Tree, p *Permissions) ([]Case, error) {
	return b.inTree(ctx, o, o.Files, o.Folders, func(t tree) ([]Case, error) {
		p.Machine = machine(t.root)
		return b.cases(ctx, t, o.Runs, []state{
			{"all right", allRight},
			{"all wrong", func(ctx context.Context, t tree) error { return t.spoil(ctx, other()) }},
			{"one in a thousand wrong", func(ctx context.Context, t tree) error { return t.spoilSome(ctx, other(), wrongIn) }},
		})
	})
}

// inTree makes a tree, has it measured, and removes it.
func (b *Bench) inTree(ctx context.Context, o Tree, files, folders int, measure func(tree) ([]Case, error)) ([]Case, error) {
	path, remove, err := b.folder(o.Root, o.Dir)
	if err != nil {
		return nil, err
	}
	defer remove(ctx)
	t := tree{root: path, files: files, folders: folders}
	progress := b.UI.Progress("making a tree", 0, term.Count)
	err = t.make(ctx, progress.Set)
	progress.Done()
	if err != nil {
		return nil, exit.Errorf(exit.Failed, "making a tree in %s: %w", path, err)
	}
	if _, err := ownership.Reset(ctx, ownership.Request{Folder: path, Owner: wanted()}); err != nil {
		return nil, err
	}
	return measure(t)
}

// state is how a tree is before each run.
type state struct {
	name string
	// prepare brings a tree into it that is right, or is in this state already.
	prepare func(context.Context, tree) error
}

// allRight leaves the tree, which is right after each way that sets owners and modes.
func allRight(context.Context, tree) error { return nil }

// cases measures each way in each state, the ways in turn so that all of them see the
// same moments of the machine.
func (b *Bench) cases(ctx context.Context, t tree, runs int, states []state) ([]Case, error) {
	ways := b.ways()
	var cases []Case
	for _, s := range states {
		c := Case{Name: s.name, Entries: t.entries(), Results: make([]Result, len(ways))}
		progress := b.UI.Progress(s.name, int64(runs*len(ways)), term.Percent)
		for n := range runs {
			for i := range ways {
				at := (i + n) % len(ways) // nobody is always first
				figures, err := b.once(ctx, t, s, ways[at])
				if err != nil {
					progress.Done()
					return nil, err
				}
				c.Results[at].Way = ways[at].name
				c.Results[at].Runs = append(c.Results[at].Runs, figures)
				progress.Set(int64(n*len(ways) + i + 1))
			}
		}
		progress.Done()
		c.summarize()
		if d := c.disturbed(); d > mostDisturbed {
			b.UI.Note("%s: others kept %.1f processors busy meanwhile, so the figures say little; measure again on a quiet machine", s.name, d)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// once prepares the tree, measures one way, and checks what it did.
func (b *Bench) once(ctx context.Context, t tree, s state, w way) (Figures, error) {
	if err := s.prepare(ctx, t); err != nil {
		return Figures{}, fmt.Errorf("preparing %q: %w", s.name, err)
	}
	settle(t.root)
	before := busy()
	out, err := run.Output(ctx, b.Runner, run.Cmd{
		Name: b.contender, Args: append([]string{"measure"}, w.argv(t.root, wanted())...), Env: b.Environ,
	})
	if err != nil {
		return Figures{}, exit.Errorf(exit.Failed, "measuring %q, %s: %w", w.name, s.name, err)
	}
	after := busy()
	var f Figures
	if err := json.Unmarshal(bytes.TrimSpace(out), &f); err != nil {
		return Figures{}, fmt.Errorf("reading the figures of %q: %w", w.name, err)
	}
	f.OthersCPUSeconds = max(0, math.Round((after-before-f.CPUSeconds)*100)/100)
	left, err := ownership.Reset(ctx, ownership.Request{Folder: t.root, Owner: wanted(), DryRun: true})
	if err != nil {
		return Figures{}, err
	}
	if left.Seen != t.entries() || left.Owner > 0 || left.Mode > 0 && w.sets || left.ProblemCount() > 0 {
		return Figures{}, exit.Errorf(exit.Failed, "measuring %q, %s: afterwards %d owners and %d modes of %d entries are wrong",
			w.name, s.name, left.Owner, left.Mode, left.Seen)
	}
	return f, nil
}
