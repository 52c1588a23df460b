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
	sum, err := ownership.Reset(within, ownership.Request{Folder: p.data, Owner: p.user(), AllowRoot: true, DryRun: true})
	return []Finding{checkRights(sum, err, runtime.GOOS)}
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
	return found(DataRights, nonroot.OK, ByHost, "no file capabilities and no access control lists in %s", seen)
}
