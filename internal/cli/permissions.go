package cli

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/permissions"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/ownership"
)

// problemsShown is how many entries that could not be set are named.
const problemsShown = 10

// smallPercent keeps memory small where reading the project needs more of it than the whole walk.
const smallPercent = 25

// Reset are the flags of ResetPermissions.
type Reset struct {
	// DryRun only counts.
	DryRun bool
	// JSON prints the summary as JSON.
	JSON bool
	// Path is the only folder to reset, as the user named it; "" for all.
	Path string
}

// ResetPermissions gives the data folders and the volumes of x-im2, and everything in them, the app user as owner and
// 755 or 644 as mode.
func (t Target) ResetPermissions(ctx context.Context, o Reset) error {
	defer debug.SetGCPercent(debug.SetGCPercent(smallPercent))
	p, err := t.dataProject(ctx)
	if err != nil {
		return err
	}
	if err := checkDataID(p); err != nil {
		return err
	}
	resetter := t.resetter(p)
	var closed error // read-only folders, which do not keep the others from being reset
	for _, tree := range p.Trees {
		if o.DryRun {
			break
		}
		err := resetter.Ensure(ctx, p.Root, tree.Folders, p.Settings.AppUser)
		if errors.Is(err, ownership.ErrNoEffect) {
			continue // so the reset says
		}
		if err != nil && !errors.Is(err, syscall.EROFS) {
			return err
		}
		closed = cmp.Or(closed, err)
		if err == nil && tree.Data == p.Data {
			if _, err := t.identify(ctx, p); err != nil {
				return err
			}
		}
	}
	requests, err := t.requests(p, o)
	if err != nil {
		return err
	}
	total := ownership.Summary{Skipped: map[ownership.Skip]int64{}, Problems: []ownership.Problem{}}
	for _, req := range requests {
		start := time.Now()
		sum, err := resetter.Reset(ctx, req)
		if err != nil {
			return err
		}
		if len(requests) > 1 { // it says which of them each problem is in
			for i := range sum.Problems {
				sum.Problems[i].Path = filepath.Join(cmp.Or(req.Volume, p.Rel(req.Data)), sum.Problems[i].Path)
			}
		}
		total.Add(sum)
		if !o.JSON && sum.Seen > 0 { // a volume that is not there was noted
			t.tell(p.Rel(req.Name()), req.Owner, sum, time.Since(start), o.DryRun)
		}
	}
	if o.JSON {
		if err := t.UI.JSON(total); err != nil {
			return err
		}
	}
	if closed != nil {
		return exit.With(exit.Failed, closed)
	}
	return verdict(total, resetter.ByRoot(p.Data))
}

// requests are what is reset: the one folder that -path names, or all data folders and volumes.
func (t Target) requests(p *project.Project, o Reset) ([]permissions.Request, error) {
	var all []permissions.Request
	var refused error
	for _, tree := range p.Trees {
		below, err := permissions.Below(t.From, tree.Data, o.Path)
		switch {
		case err == nil:
			all = append(all, permissions.Request{Data: tree.Data, Below: below, Owner: p.Settings.AppUser, DryRun: o.DryRun})
		case o.Path == "":
			return nil, err
		default:
			refused = cmp.Or(refused, err)
		}
	}
	if o.Path != "" {
		if len(all) == 0 {
			return nil, refused
		}
		return all[:1], nil
	}
	for _, volume := range p.Volumes {
		all = append(all, permissions.Request{Volume: volume, Below: ".", Owner: p.Settings.AppUser, DryRun: o.DryRun})
	}
	return all, nil
}

// verdict is the error where not everything is right now.
func verdict(sum ownership.Summary, fix exit.Fix) error {
	all, alone := sum.ProblemCount(), int64(0)
	for _, n := range sum.Skipped {
		alone += n
	}
	switch {
	case all == 0:
		return nil
	case all == alone:
		return exit.Errorf(exit.Failed, "%s skipped, for the reasons given", english.Plural(int(all), "entry", ""))
	case os.Geteuid() == 0:
		return exit.Errorf(exit.Failed, "%s could not be set, for the reasons given", english.Plural(int(all), "entry", ""))
	default:
		return exit.Fixable(exit.Failed, fix, "%s could not be set", english.Plural(int(all), "entry", ""))
	}
}

func (t Target) resetter(p *project.Project) *permissions.Resetter {
	return &permissions.Resetter{Home: t.Home, Environ: p.Settings.Environ(), Runner: t.Runner, UI: t.UI, EUID: os.Geteuid()}
}

// dataFolder is the data folder of a project that has one, to be written to.
func (t Target) dataFolder(p *project.Project) permissions.Folder {
	return permissions.Folder{Resetter: t.resetter(p), Data: p.Data, Owner: p.Settings.AppUser}
}

func (t Target) tell(folder string, o ownership.Owner, sum ownership.Summary, took time.Duration, dry bool) {
	verb := "changed"
	if dry {
		verb = "would change"
	}
	t.UI.Result("%s: %s for %s, %s owner of %s and mode of %s, in %s", folder, english.Plural(int(sum.Seen), "entry", ""), o,
		verb, humanize.Comma(sum.OwnersChanged), humanize.Comma(sum.ModesChanged), took.Round(time.Millisecond))
	if sum.RightsRemoved > 0 {
		t.UI.Result("%s file capabilities or access control lists (ACLs) from %s", strings.Replace(verb, "change", "remove", 1), english.Plural(int(sum.RightsRemoved), "entry", ""))
	}
	for _, why := range slices.Sorted(maps.Keys(sum.Skipped)) {
		t.UI.Result("skipped: %s (%s)", english.Plural(int(sum.Skipped[why]), "entry", ""), strings.ReplaceAll(string(why), "_", " "))
	}
	for i, problem := range sum.Problems {
		if i == problemsShown {
			t.UI.Note("and %s more", humanize.Comma(sum.ProblemCount()-problemsShown))
			break
		}
		t.UI.Note("%q: %s", problem.Path, problem.Reason)
	}
}
