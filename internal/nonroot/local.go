package nonroot

import (
	"encoding/json"
	"fmt"

	"github.com/im2-audio/im2/internal/dockerfile"
)

// Local reads what "docker image inspect" says of images that are here and returns what
// Input.Image asks.
func Local(inspected []byte) (func(name string) (dockerfile.Image, bool), error) {
	var images []struct {
		ID          string   `json:"Id"`
		RepoTags    []string `json:"RepoTags"`
		RepoDigests []string `json:"RepoDigests"`
		Config      struct {
			User    string   `json:"User"`
			Env     []string `json:"Env"`
			OnBuild []string `json:"OnBuild"`
		} `json:"Config"`
	}
	if err := json.Unmarshal(inspected, &images); err != nil {
		return nil, fmt.Errorf("reading what the engine says of its images: %w", err)
	}
	known := make(map[string]dockerfile.Image)
	for _, i := range images {
		image := dockerfile.Image{User: i.Config.User, Env: i.Config.Env, OnBuild: i.Config.OnBuild}
		known[i.ID] = image
		for _, name := range append(i.RepoTags, i.RepoDigests...) {
			known[name], known[canonical(name)] = image, image
		}
	}
	return func(name string) (dockerfile.Image, bool) {
		image, ok := known[name]
		if !ok {
			image, ok = known[canonical(name)]
		}
		return image, ok
	}, nil
}
