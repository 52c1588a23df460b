package ownership

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/im2-audio/im2/internal/exit"
)

// ResetBelow resets only the folder below of req.Folder; "." is all of it. The path is
// resolved once, within req.Folder: a link that is put there meanwhile cannot lead out of
// it. What Reset refuses is refused, and with [exit.Unusable], too, what is not in
// req.Folder or is no folder.
func ResetBelow(ctx context.Context, req Request, below string) (Summary, error) {
	if below == "." {
		return Reset(ctx, req)
	}
	none := Summary{Skipped: map[Skip]int64{}, Problems: []Problem{}}
	if err := req.Owner.check(req.AllowRoot); err != nil {
		return none, err
	}
	folder, err := CheckFolder(req.Folder)
	if err != nil {
		return none, err
	}
	name := filepath.Join(folder, below)
	pinned, release, err := pinBelow(folder, below)
	if err != nil {
		return none, exit.Errorf(exit.Unusable, "opening the folder to reset: %s: %w", name, err)
	}
	defer release()
	req.Folder = pinned
	sum, err := reset(ctx, req)
	if errors.Is(err, context.Canceled) { // the walk would name the descriptor
		err = fmt.Errorf("resetting %s: %w; the next run goes on", name, context.Canceled)
	}
	return sum, err
}
