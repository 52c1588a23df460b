package image

import (
	"context"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/internal/docker/engine"
)

// Label is the label of an image that has the digest of what it was built from. It goes
// where the image goes, and away when somebody else builds the image.
const Label = "im2.inputs"

// store is what is known of the engine's images, by the names that were asked for. nil stands
// for one that is not there.
type store map[string]*engine.ImageInfo

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
	found, err := c.Images(ctx, asked)
	if err != nil {
		return err
	}
	for _, name := range asked {
		s[name] = find(found, name)
	}
	return nil
}

func find(images []engine.ImageInfo, name string) *engine.ImageInfo {
	for i := range images {
		if means(name, images[i]) {
			return &images[i]
		}
	}
	return nil
}

// means reports whether the name is a tag, a digest, or an ID of this image.
func means(name string, l engine.ImageInfo) bool {
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

// isFor reports whether an image is for one of these platforms. The engine does not tell the variant.
func isFor(image engine.ImageInfo, platforms []string) bool {
	has := image.Os + "/" + image.Architecture + "/"
	return slices.ContainsFunc(platforms, func(name string) bool { return strings.HasPrefix(name+"/", has) })
}

func (s store) ids() map[string]string {
	ids := make(map[string]string, len(s))
	for name, image := range s {
		if image != nil {
			ids[name] = image.ID
		}
	}
	return ids
}

func (s store) image(name string) (dockerfile.Image, bool) {
	return inherited(s[name])
}

// Lookup returns what a Dockerfile inherits from the image of a name, as far as it is one of these.
func Lookup(images []engine.ImageInfo) func(name string) (dockerfile.Image, bool) {
	return func(name string) (dockerfile.Image, bool) { return inherited(find(images, name)) }
}

func inherited(l *engine.ImageInfo) (dockerfile.Image, bool) {
	if l == nil {
		return dockerfile.Image{}, false
	}
	return dockerfile.Image{
		User: l.Config.User, Env: l.Config.Env, OnBuild: l.Config.OnBuild, Entrypoint: l.Config.Entrypoint, Cmd: l.Config.Cmd,
	}, true
}
