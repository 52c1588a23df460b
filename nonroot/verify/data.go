package verify

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/ownership"
)

// walkWithin is how long the data folder is searched: some millions of entries.
const walkWithin = 20 * time.Second

// checkData checks what is in the data folder; nothing where the project has none, or one service alone is checked.
func (p *prover) checkData(ctx context.Context) []Finding {
	if p.data == "" || p.Service != "" {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, walkWithin)
	defer cancel()
	owner, known := p.user(), true
	if p.around.mapped {
		owner, known = p.around.outside(owner)
	}
	sum, err := ownership.Reset(within, ownership.Request{Folder: p.data, Owner: owner, AllowRoot: true, DryRun: true})
	owners := found(DataOwners, nonroot.Note, "", "this engine gives containers' users other IDs on this machine, and which is not known: owners are not compared")
	if known {
		owners = p.checkOwners(owner, sum, err)
	}
	return []Finding{checkRights(sum, err, runtime.GOOS), owners}
}

// checkOwners checks the same for what does not belong to the project's user: a command may have made it that has ended. Whoever uses
// the machine may have made it as well, so it is a note.
func (p *prover) checkOwners(owner ownership.Owner, sum ownership.Summary, err error) Finding {
	who := owner.String()
	if owner != p.user() {
		who += fmt.Sprintf(" (%s in containers)", p.user())
	}
	others := english.Plural(int(sum.OwnersChanged), "entry", "entries")
	switch {
	case sum.OwnersChanged > 0:
		return found(DataOwners, nonroot.Note, ByHost, "%s of the data folder with another owner than %s", others, who).remedy(ResetRights)
	case err != nil:
		return found(DataOwners, nonroot.Warning, "", "not looked for to the end: %s", fmt.Sprint(err))
	}
	if unchecked := unchecked(sum); unchecked != "" {
		return found(DataOwners, nonroot.Warning, ByHost, "all that could be checked belongs to %s; %s", who, unchecked)
	}
	return found(DataOwners, nonroot.OK, ByHost, "all belongs to %s", who)
}

// checkRights checks what a dry run of a reset found.
func checkRights(sum ownership.Summary, err error, system string) Finding {
	seen := english.Plural(int(sum.Seen), "entry", "entries")
	switch {
	case sum.RightsRemoved > 0:
		return found(DataRights, nonroot.Error, ByHost, "%s of the data folder with file capabilities, which a service could run, or access control lists",
			english.Plural(int(sum.RightsRemoved), "entry", "entries")).remedy(ResetRights)
	case system != "linux":
		return found(DataRights, nonroot.Note, "", "file capabilities and access control lists are only looked for on Linux")
	case errors.Is(err, context.DeadlineExceeded):
		return found(DataRights, nonroot.Warning, ByHost, "none in the first %s; the search was ended after %s", seen, walkWithin)
	case err != nil:
		return found(DataRights, nonroot.Warning, "", "not looked for: %s", fmt.Sprint(err))
	}
	if unchecked := unchecked(sum); unchecked != "" {
		return found(DataRights, nonroot.Warning, ByHost, "none in what could be checked; %s", unchecked)
	}
	return found(DataRights, nonroot.OK, ByHost, "no file capabilities and no access control lists in %s", seen)
}

// unchecked says what of the data folder was skipped or could not be read; "" where nothing was.
func unchecked(sum ownership.Summary) string {
	if sum.ProblemCount() == 0 {
		return ""
	}
	text := english.Plural(int(sum.ProblemCount()), "entry", "entries") + " could not be"
	if len(sum.Problems) > 0 {
		text += fmt.Sprintf(": %q: %s", sum.Problems[0].Path, sum.Problems[0].Reason)
	}
	if sum.ProblemCount() > 1 {
		text += fmt.Sprintf("; and %d more", sum.ProblemCount()-1)
	}
	return text
}
