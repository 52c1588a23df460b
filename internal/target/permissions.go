package target

import (
	"context"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/ownership"
	"github.com/im2-audio/im2/internal/project"
)

// problemsShown is how many entries that could not be set are named.
const problemsShown = 10

// ResetPermissions gives the data folder and everything in it the app user as owner and
// 755 or 644 as mode. With dry it only counts.
func (t Target) ResetPermissions(ctx context.Context, dry, asJSON bool) error {
	p, err := t.project(ctx)
	if err != nil {
		return err
	}
	if p.Data == "" {
		return noData(p)
	}
	if !dry {
		if err := prepare(p); err != nil {
			return err
		}
	}
	start := time.Now()
	sum, err := ownership.Reset(ctx, ownership.Request{Folder: p.Data, Owner: owner(p), DryRun: dry})
	if err != nil {
		return err
	}
	if asJSON {
		if err := t.UI.JSON(sum); err != nil {
			return err
		}
	} else {
		t.tell(p.Rel(p.Data), owner(p), sum, time.Since(start), dry)
	}
	if n := len(sum.Problems); n > 0 {
		return exit.Errorf(exit.Failed, "%s could not be set right; \"sudo env PATH=$PATH mage reset-permissions\" may", entries(int64(n)))
	}
	return nil
}

// noData is the error of a target that needs a data folder in a project without one.
func noData(p *project.Project) error {
	return exit.Errorf(exit.Unusable, "%s has no data folder: name one in its Compose file, \"x-im2: {data: ./FOLDER}\"", p.Root)
}

func (t Target) tell(folder string, o ownership.Owner, sum ownership.Summary, took time.Duration, dry bool) {
	verb := "changed"
	if dry {
		verb = "would change"
	}
	t.UI.Result("%s: %s for %d:%d, %s owner of %s and mode of %s, in %s", folder, entries(sum.Seen), o.UID, o.GID,
		verb, humanize.Comma(sum.Owner), humanize.Comma(sum.Mode), took.Round(time.Millisecond))
	for i, problem := range sum.Problems {
		if i == problemsShown {
			t.UI.Note("and %d more", len(sum.Problems)-i)
			break
		}
		t.UI.Note("%q: %s", problem.Path, problem.Reason)
	}
}

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return humanize.Comma(n) + " entries"
}
