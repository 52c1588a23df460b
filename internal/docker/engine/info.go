package engine

import (
	"context"

	"github.com/im2-audio/im2/internal/docker/inspect"
)

// What "docker inspect" says.
type (
	// ImageInfo is that of an image, ContainerInfo that of a container, Mount that of a mount.
	ImageInfo     = inspect.Image
	ContainerInfo = inspect.Container
	Mount         = inspect.Mount
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
