package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/proof"
)

// checkDataID refuses a data folder that is not the one that project.DataID is about.
func checkDataID(p *project.Project) error {
	if problem, fix := p.OtherData(); problem != "" {
		return exit.Fixable(exit.Unusable, fix, "%s", problem)
	}
	return nil
}

// identify gives the data folder an ID if it has none, and returns what tells the services which one to accept. Nothing is done
// in a project whose services do not ask.
func (t Target) identify(ctx context.Context, p *project.Project) (environ []string, err error) {
	if !p.ComparesID() {
		return nil, nil
	}
	id, err := t.dataFolder(p).MakeID(ctx, p.Settings.Get(project.DataID).Value)
	if errors.Is(err, proof.ErrBadID) {
		err = exit.Fixable(exit.Failed, exit.Fix{Note: "remove that file, and try again"}, "%w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("giving %s an ID: %w", p.Rel(p.Data), err)
	}
	return []string{project.DataID + "=" + id}, nil
}
