package project

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

const (
	// Worker is the service that separates tracks: the one that comes in replicas, and that
	// has a model cache.
	Worker = "demucs"
	// cacheMount is where it mounts that cache, below its home.
	cacheMount = "/.cache/torch"
)

// ModelCache is the folder that the worker mounts as its model cache; empty in a project
// without one.
func (p *Project) ModelCache() string {
	if p.Data == "" {
		return ""
	}
	for _, v := range p.Compose.Services[Worker].Volumes {
		if v.Type == types.VolumeTypeBind && strings.HasSuffix(v.Target, cacheMount) && slices.Contains(p.Folders, v.Source) {
			return v.Source
		}
	}
	return ""
}
