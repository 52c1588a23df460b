package cli

import (
	"strings"
	"testing"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term"
	"github.com/im2-audio/im2/ownership"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	mount := ownership.Problem{Path: "m", Skip: ownership.SkipMount}
	for _, c := range []struct {
		sum  ownership.Summary
		want string
	}{
		{ownership.Summary{Seen: 5, OwnersChanged: 2}, ""},
		{ownership.Summary{Problems: []ownership.Problem{mount}, Skipped: map[ownership.Skip]int64{ownership.SkipMount: 1}}, "1 entry skipped"},
		{ownership.Summary{Problems: []ownership.Problem{mount}, MoreProblems: 1999, Skipped: map[ownership.Skip]int64{ownership.SkipMount: 2000}}, "2,000 entries skipped"},
		{ownership.Summary{Problems: []ownership.Problem{mount, {Path: "x"}}, Skipped: map[ownership.Skip]int64{ownership.SkipMount: 1}}, "2 entries could not be set"},
	} {
		err := verdict(c.sum, exit.Fix{})
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestTheSummaryInWords(t *testing.T) {
	t.Parallel()
	ui, out, notes := term.Test()
	sum := ownership.Summary{Seen: 1234, OwnersChanged: 1000, ModesChanged: 7, MoreProblems: 2000, Skipped: map[ownership.Skip]int64{ownership.SkipHardLink: 2012}}
	for range 12 {
		sum.Problems = append(sum.Problems, ownership.Problem{Path: "a\nb", Reason: "another name outside", Skip: ownership.SkipHardLink})
	}
	Target{UI: ui}.tell("data", ownership.Owner{UID: 1, GID: 2}, sum, 0, true)
	const want = "data: 1,234 entries for 1:2, would change owner of 1,000 and mode of 7, in 0s\nskipped: 2,012 entries (hard link)\n"
	if out.String() != want {
		t.Errorf("got %q", out)
	}
	if s := notes.String(); strings.Count(s, "\"a\\nb\": another name outside\n") != 10 || !strings.HasSuffix(s, "and 2,002 more\n") {
		t.Errorf("got %q", s)
	}
}
