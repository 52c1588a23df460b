package verify

import (
	"context"
	"errors"
	"fmt"
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
		{"another system", ownership.Summary{Seen: 9}, nil, "darwin", nonroot.Note},
	} {
		if f := checkRights(c.sum, c.err, c.system); f.Level != c.want {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}
