package cli

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
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

// Reset are the flags of ResetPermissions.
type Reset struct {
	// DryRun only counts.
	DryRun bool
	// JSON prints the summary as JSON.
	JSON bool
	// Path is the only folder to reset, as the user named it; "" for all.
	Path string
}

// ResetPermissions gives the data folder and everything in it the app user as owner and
// 755 or 644 as mode.
func (t Target) ResetPermissions(ctx context.Context, o Reset) error {
	p, err := t.dataProject(ctx)
	if err != nil {
		return err
	}
	resetter := t.resetter(p)
	var closed error // read-only folders, which do not keep the others from being reset
	if !o.DryRun {
		if closed = resetter.Ensure(ctx, p.Root, p.Folders, p.Settings.AppUser); closed != nil && !errors.Is(closed, syscall.EROFS) {
			return closed
		}
	}
	below, err := permissions.Below(t.From, p.Data, o.Path)
	if err != nil {
		return err
	}
	start := time.Now()
	sum, err := resetter.Reset(ctx, permissions.Request{Data: p.Data, Below: below, Owner: p.Settings.AppUser, DryRun: o.DryRun})
	if err != nil {
		return err
	}
	if o.JSON {
		if err := t.UI.JSON(sum); err != nil {
			return err
		}
	} else {
		t.tell(p.Rel(filepath.Join(p.Data, below)), p.Settings.AppUser, sum, time.Since(start), o.DryRun)
	}
	if closed != nil {
		return exit.With(exit.Failed, closed)
	}
	return verdict(sum, resetter.ByRoot(p.Data))
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
