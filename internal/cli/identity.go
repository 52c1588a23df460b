package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/proof"
)

// comparesID reports whether a service of the project compares the ID of its data folder.
func comparesID(p *project.Project) bool {
	for _, service := range p.Compose.Services {
		if _, compares := service.Environment[project.DataID]; compares {
			return p.Data != ""
		}
	}
	return false
}

// checkDataID refuses a data folder that is not the one that project.DataID is about, such as a share that is not mounted.
// One that is not there is going to be made.
func checkDataID(p *project.Project) error {
	want := p.Settings.Get(project.DataID)
	data, err := filepath.EvalSymlinks(p.Data)
	if want.Value == "" || err != nil || !comparesID(p) {
		return nil //nolint:nilerr // what makes the folder says what is wrong with it
	}
	id, err := proof.ReadID(data)
	switch {
	case err != nil:
		fix := exit.Fix{Note: fmt.Sprintf("mount the share, or, if this is the folder that is meant, remove %s there and run \"mage up\"", project.DataID)}
		return exit.Fixable(exit.Unusable, fix, "%s: %w, and %s is %s in %s: a share that is not mounted is such a folder",
			p.Rel(p.Data), err, project.DataID, want.Value, want.Where())
	case id != want.Value:
		fix := exit.Fix{Note: fmt.Sprintf("mount the other one, or write %s=%s", project.DataID, id)}
		return exit.Fixable(exit.Unusable, fix, "%s: its %s is %s, and %s is %s in %s: it is another data folder",
			p.Rel(p.Data), proof.IDFile, id, project.DataID, want.Value, want.Where())
	}
	return nil
}

// identify gives the data folder an ID if it has none, and returns what tells the services which one to accept. Nothing is done
// in a project whose services do not ask.
func (t Target) identify(ctx context.Context, p *project.Project) (environ []string, err error) {
	if !comparesID(p) {
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
