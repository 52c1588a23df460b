package image

import (
	"context"
	"encoding/json"
	"os"
	"slices"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/filestate"
)

// Old images are those whose name a build has given to another one. They are known by their IDs: labels are inherited by
// what others build on an image.

// rememberOld adds the images that have the names of services to the old ones, before a build takes those names away.
func (b Builder) rememberOld(ctx context.Context, services []string) {
	var names []string
	for _, service := range services {
		names = append(names, b.names(service)...)
	}
	images, err := b.Client.Images(ctx, names)
	if err != nil {
		return // the build says what is wrong with the engine
	}
	old := b.old()
	for _, image := range images {
		old = append(old, image.ID)
	}
	b.keepOld(old)
}

// Old returns the IDs of the old images that have no name left.
func (b Builder) Old(ctx context.Context) ([]string, error) {
	old := b.old()
	if len(old) == 0 {
		return nil, nil
	}
	nameless, err := b.Client.Nameless(ctx)
	if err != nil {
		return nil, err
	}
	// Engines with containerd may list an image twice, with a name and without one.
	images, err := b.Client.Images(ctx, slices.DeleteFunc(old, func(id string) bool { return !slices.Contains(nameless, id) }))
	var ids []string
	for _, image := range images {
		if len(image.RepoTags) == 0 {
			ids = append(ids, image.ID)
		}
	}
	return ids, err
}

// RemoveOld removes the old images that have no name left and that no container is made from, and returns their IDs.
// Others are tried again next time. Nothing depends on it: what cannot be removed stays.
func (b Builder) RemoveOld(ctx context.Context) []string {
	old, err := b.Old(ctx)
	if err != nil {
		return nil
	}
	var removed, used []string
	for _, id := range old {
		if _, err := b.Client.Output(ctx, b.Client.Command("image", "rm", id)); err != nil {
			used = append(used, id)
			continue
		}
		removed = append(removed, id)
	}
	if ctx.Err() == nil {
		b.keepOld(used)
	}
	if len(removed) > 0 {
		b.UI.Note("removed %s", english.Plural(len(removed), "image that was replaced", "images that were replaced"))
	}
	return removed
}

func (b Builder) old() (ids []string) {
	text, err := os.ReadFile(b.Remembered("old-images.json"))
	if err != nil || json.Unmarshal(text, &ids) != nil {
		return nil
	}
	return ids
}

func (b Builder) keepOld(ids []string) {
	path := b.Remembered("old-images.json")
	if path == "" {
		return
	}
	if len(ids) == 0 {
		_ = os.Remove(path) // most often, there is none
		return
	}
	slices.Sort(ids)
	if text, err := json.Marshal(slices.Compact(ids)); err == nil {
		_ = filestate.Keep(path, text) // only disk space is at stake
	}
}
