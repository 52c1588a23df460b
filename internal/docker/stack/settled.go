package stack

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Settled are the containers when all of them were up, by ID, each with the networks it was in. As
// long as it is the same ones that are up, and the project and its images are the same, "compose
// up" has nothing to do.
type Settled []string

func (c Container) identity() string { return strings.Join(append([]string{c.id}, c.networks...), " ") }

// Settle returns the containers that are up; nil when not all are.
func (s Stack) Settle(ctx context.Context) (Settled, error) {
	all, err := s.Containers(ctx)
	return settled(all), err
}

func settled(all []Container) Settled {
	var ids Settled
	for _, c := range all {
		if !c.content() {
			return nil
		}
		ids = append(ids, c.identity())
	}
	slices.Sort(ids)
	return ids
}

func (c Container) content() bool {
	return c.running() && len(c.Replaced) == 0 && (c.Health == "" || c.Health == "healthy")
}

// StillSettled reports whether the containers are the same as before, none more and none less, all
// up and made from the images that have their names now. It returns them as Look does.
func (s Stack) StillSettled(ctx context.Context, before Settled) ([]Container, bool, error) {
	all, err := s.Containers(ctx)
	if err != nil {
		return nil, false, err
	}
	if ids := settled(all); len(ids) == 0 || !slices.Equal(ids, before) {
		return nil, false, nil
	}
	if same, err := s.fromCurrentImages(ctx, all); err != nil || !same {
		return nil, false, err
	}
	return all, true, s.lookAtUsers(ctx, all)
}

func (s Stack) fromCurrentImages(ctx context.Context, all []Container) (bool, error) {
	var names []string
	for _, c := range all {
		names = append(names, c.Image)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	images, err := s.Client.Images(ctx, names)
	if err != nil {
		return false, err
	}
	if len(images) != len(names) {
		return false, nil // one of the names is no image's any more
	}
	return !slices.ContainsFunc(all, func(c Container) bool {
		return images[slices.Index(names, c.Image)].ID != c.imageID
	}), nil
}

func (s Stack) lookAtUsers(ctx context.Context, all []Container) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i := range all {
		if !all[i].running() {
			continue
		}
		g.Go(func() error {
			users, err := s.users(ctx, all[i])
			if err != nil {
				s.UI.Note("%v", err)
			}
			// Never what the image asks for in place of what could not be seen: this is read
			// as a proof.
			all[i].User = users
			return ctx.Err()
		})
	}
	return g.Wait()
}
