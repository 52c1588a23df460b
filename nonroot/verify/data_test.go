package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/ownership"
)

func TestRightsInTheDataFolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		sum    ownership.Summary
		err    error
		system string
		want   nonroot.Level
	}{
		{"none", ownership.Summary{Seen: 9, OwnersChanged: 3}, nil, "linux", nonroot.OK},
		{"some", ownership.Summary{Seen: 9, RightsRemoved: 1}, nil, "linux", nonroot.Error},
		{"some before the time was over", ownership.Summary{RightsRemoved: 1}, context.DeadlineExceeded, "linux", nonroot.Error},
		{"none until the time was over", ownership.Summary{Seen: 9}, fmt.Errorf("resetting: %w", context.DeadlineExceeded), "linux", nonroot.Warning},
		{"a folder that is closed", ownership.Summary{}, errors.New("closed"), "linux", nonroot.Warning},
		{"some that could not be read", ownership.Summary{Seen: 9, MoreProblems: 1}, nil, "linux", nonroot.Warning},
		{"another system", ownership.Summary{Seen: 9}, nil, "darwin", nonroot.Note},
	} {
		if f := checkRights(c.sum, c.err, c.system); f.Level != c.want {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}

// What was skipped or could not be read is not said to be right.
func TestWhatWasNotCheckedInTheDataFolder(t *testing.T) {
	t.Parallel()
	p := newProver(noServices(), Options{})
	p.data = t.TempDir()
	closed := filepath.Join(p.data, "a\nb", "closed")
	if err := os.MkdirAll(closed, 0o755); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "other name")
	if err := errors.Join(os.WriteFile(outside, nil, 0o600), os.Link(outside, filepath.Join(closed, "f"))); err != nil {
		t.Fatal(err)
	}
	sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: p.data, Owner: ownership.Owner{UID: 12345, GID: 12345}, DryRun: true})
	if err != nil || sum.ProblemCount() != 1 {
		t.Skipf("skipped: this system finds no fault with a hard link: %+v, %v", sum, err)
	}
	sum.OwnersChanged = 0 // As if all others were right.
	for _, f := range []Finding{p.checkOwners(p.user(), sum, nil), checkRights(sum, nil, "linux")} {
		if f.Level == nonroot.OK || !strings.Contains(f.Detail, `could be checked`) || !strings.Contains(f.Detail, `1 entry could not be: "a\nb/closed/f": `) {
			t.Errorf("%+v", f)
		}
	}
}
