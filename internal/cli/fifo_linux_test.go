package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/place/placetest"
)

func TestAFIFOInPlaceOfTheModelCacheIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	cache := filepath.Join(data, "models")
	if err := os.Mkdir(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	var worker types.ServiceConfig
	worker.Volumes = []types.ServiceVolumeConfig{{Type: types.VolumeTypeBind, Source: cache, Target: "/home/app/.cache/torch"}}
	p := &project.Project{
		Data: data, Folders: []string{data, cache},
		Compose: &types.Project{Services: types.Services{project.Worker: worker}},
	}
	placetest.OpensNoFIFO(t, cache, func() error {
		root, err := openModels(p)
		if err == nil {
			err = root.Close()
		}
		return err
	})
}
