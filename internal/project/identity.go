package project

import (
	"fmt"
	"path/filepath"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/proof"
)

// ComparesID reports whether a service of the project compares the ID of the data folder.
func (p *Project) ComparesID() bool {
	for _, service := range p.Compose.Services {
		if _, compares := service.Environment[DataID]; compares {
			return p.Data != ""
		}
	}
	return false
}

// OtherData says why the data folder is not the one that DataID is about, such as a share that is not mounted, and what is to
// be done; "" where it is, and where DataID is empty. A folder that is not there is going to be made.
func (p *Project) OtherData() (problem string, fix exit.Fix) {
	want := p.Settings.Get(DataID)
	data, err := filepath.EvalSymlinks(p.Data)
	if want.Value == "" || err != nil || !p.ComparesID() {
		return "", exit.Fix{}
	}
	id, err := proof.ReadID(data)
	switch {
	case err != nil:
		return fmt.Sprintf("%s: %v, and %s is %s in %s: a share that is not mounted is such a folder", p.Rel(p.Data), err, DataID, want.Value, want.Where()),
			exit.Fix{Note: fmt.Sprintf("mount the share, or, if this is the folder that is meant, remove %s there and run \"mage up\"", DataID)}
	case id != want.Value:
		return fmt.Sprintf("%s: its %s is %s, and %s is %s in %s: it is another data folder", p.Rel(p.Data), proof.IDFile, id, DataID, want.Value, want.Where()),
			exit.Fix{Note: fmt.Sprintf("mount the other one, or write %s=%s", DataID, id)}
	}
	return "", exit.Fix{}
}
