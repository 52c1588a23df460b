package cli

import (
	"cmp"
	"context"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term/closest"
	"github.com/im2-audio/im2/pipeline/prune"
)

// defaultOlder is how long ago what is pruned ended at least.
const defaultOlder = "30d"

// Prune are the flags of the target of that name.
type Prune struct {
	// Older is how long ago it must have ended, such as 30d; "" for defaultOlder.
	Older string
	// Keep are the kinds that stay, with commas.
	Keep string
	// DryRun only counts, JSON prints JSON.
	DryRun, JSON bool
}

// pruned is the answer of "mage prune -json".
type pruned struct {
	prune.Options
	prune.Result
	// Bytes is the sum.
	Bytes int64 `json:"bytes"`
}

// Prune removes what came of songs long ago.
func (t Target) Prune(ctx context.Context, o Prune) error {
	age, err := prune.ParseAge(cmp.Or(o.Older, defaultOlder))
	if err != nil {
		return exit.Errorf(exit.Unusable, "-older=%s: %w", inLine(o.Older), err)
	}
	keep, err := prune.ParseKinds(o.Keep)
	if err != nil {
		return exit.Errorf(exit.Unusable, "-keep=%s: %w; there are output, archive, rejected, done%s", inLine(o.Keep), err, closest.Hint(o.Keep, kindNames()))
	}
	p, err := t.dataProject(ctx)
	if err != nil {
		return err
	}
	options := prune.Options{Before: time.Now().Add(-age).UTC().Truncate(time.Second), Keep: keep, DryRun: o.DryRun}
	result, err := t.dataFolder(p).Prune(ctx, options)
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	if o.JSON {
		err = t.UI.JSON(pruned{options, result, result.Bytes()})
	} else {
		t.printPruned(options, result)
	}
	if n := len(result.Problems) + result.MoreProblems; err == nil && n > 0 {
		err = exit.Errorf(exit.Failed, "%s left, for the reasons given", english.Plural(n, "entry was", "entries were"))
	}
	return err
}

func (t Target) printPruned(o prune.Options, r prune.Result) {
	verb := "removed"
	if o.DryRun {
		verb = "would remove"
	}
	for _, kind := range []struct {
		prune.Kind
		one, many string
	}{
		{prune.Output, "song", "songs"},
		{prune.Archive, "original", "originals"},
		{prune.Rejected, "file", "files"},
		{prune.Done, "record", "records"},
	} {
		if c := r.Counts[kind.Kind]; c.Items > 0 {
			t.UI.Result("%s %s: %s, %s", verb, kind.Kind, english.Plural(int(c.Items), kind.one, kind.many), humanize.Bytes(uint64(max(c.Bytes, 0))))
		}
	}
	before := o.Before.Local().Format("2006-01-02 15:04")
	if r.Bytes() == 0 {
		t.UI.Result("nothing ended before %s", before)
	} else {
		t.UI.Result("%s %s that ended before %s", verb, humanize.Bytes(uint64(max(r.Bytes(), 0))), before)
	}
	for _, problem := range r.Problems {
		t.UI.Note("%s", problem)
	}
	if r.MoreProblems > 0 {
		t.UI.Note("and %d more", r.MoreProblems)
	}
}

func kindNames() (names []string) {
	for _, kind := range prune.Kinds {
		names = append(names, string(kind))
	}
	return names
}
