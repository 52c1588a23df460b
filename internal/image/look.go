package image

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/im2-audio/im2/internal/dockerfile"
	"github.com/im2-audio/im2/internal/engine"
)

// Label is the label of an image that has the digest of what it was built from. It goes
// where the image goes, and away when somebody else builds the image.
const Label = "im2.inputs"

// local is the part of "docker image inspect" that is read.
type local struct {
	ID           string `json:"Id"`
	RepoTags     []string
	RepoDigests  []string
	Os           string
	Architecture string
	Config       struct {
		User    string
		Env     []string
		OnBuild []string
		Labels  map[string]string
	}
	Created time.Time
}

// store is what is known of the engine's images, by the names that were asked for. nil stands
// for one that is not there.
type store map[string]*local

// look asks for the images that nobody has asked for yet, all in one command.
func (s store) look(ctx context.Context, c *engine.Client, names []string) error {
	var asked []string
	for _, name := range names {
		if _, known := s[name]; !known && !slices.Contains(asked, name) {
			asked = append(asked, name)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	var found []local
	if err := c.Describe(ctx, engine.Image, asked, &found); err != nil {
		return err
	}
	for _, name := range asked {
		s[name] = find(found, name)
	}
	return nil
}

// find returns the image that a name means; nil where there is none.
func find(images []local, name string) *local {
	for i := range images {
		if images[i].is(name) {
			return &images[i]
		}
	}
	return nil
}

// is reports whether the name means this image: a tag, a digest, or an ID.
func (l local) is(name string) bool {
	if id, ok := strings.CutPrefix(l.ID, "sha256:"); ok && len(name) >= 12 && strings.HasPrefix(id, strings.TrimPrefix(name, "sha256:")) {
		return true
	}
	ref, err := reference.ParseDockerRef(name) // drops a tag beside a digest, as the engine does
	if err != nil {
		return false
	}
	familiar := reference.FamiliarString(ref)
	return slices.Contains(l.RepoTags, familiar) || slices.Contains(l.RepoDigests, familiar)
}

// ids maps the names of images that are here to their IDs.
func (s store) ids() map[string]string {
	ids := make(map[string]string, len(s))
	for name, image := range s {
		if image != nil {
			ids[name] = image.ID
		}
	}
	return ids
}

// image is what a Dockerfile inherits from an image of this name.
func (s store) image(name string) (dockerfile.Image, bool) {
	l := s[name]
	if l == nil {
		return dockerfile.Image{}, false
	}
	return dockerfile.Image{User: l.Config.User, Env: l.Config.Env, OnBuild: l.Config.OnBuild}, true
}
