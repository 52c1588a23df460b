package engine

import (
	"context"

	"github.com/im2-audio/im2/internal/docker/inspect"
)

type (
	// ImageInfo is what "docker inspect" says of an image.
	ImageInfo = inspect.Image
	// ContainerInfo is what it says of a container.
	ContainerInfo = inspect.Container
	// Mount is one of a container's mounts.
	Mount = inspect.Mount
)

// Images describes images, in the order of their names; those that are not there are left out.
func (c *Client) Images(ctx context.Context, names []string) (all []ImageInfo, err error) {
	err = c.describe(ctx, "image", names, &all)
	return all, err
}

// Describe describes containers, in the order of their IDs; those that are not there are left out.
func (c *Client) Describe(ctx context.Context, ids []string) (all []ContainerInfo, err error) {
	err = c.describe(ctx, "container", ids, &all)
	return all, err
}
