package engine

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// pushed is how the engine says under which digest the registry has an image.
var pushed = regexp.MustCompile(`(?m)^\S+: digest: (sha256:[0-9a-f]{64}) size: \d+`)

// Push pushes a local image as a reference with a tag, and returns that reference with the digest that the registry has
// given it, without the tag. What the engine says goes to progress. A name that the engine has no image of before, it has none of after.
func (c *Client) Push(ctx context.Context, image, to string, progress io.Writer) (string, error) {
	there, err := c.HasImage(ctx, to) // such as image itself
	if err != nil {
		return "", fmt.Errorf("pushing %s: %w", to, err)
	}
	if err := c.Run(ctx, c.Command("image", "tag", image, to)); err != nil {
		return "", fmt.Errorf("pushing %s: %w", to, err)
	}
	if !there {
		defer func() { _ = c.Run(context.WithoutCancel(ctx), c.Command("image", "rm", "--no-prune", to)) }()
	}
	var out run.Buffer
	cmd := c.Command("image", "push", to)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, progress), progress
	if err := c.Run(ctx, cmd); err != nil {
		host, _, _ := strings.Cut(to, "/")
		return "", exit.Fixable(exit.Missing, exit.Fix{Type: "docker login " + host, Note: "if it asks for a password; otherwise the engine must reach it, by TLS unless it is on loopback"},
			"pushing %s to its registry: %w", to, err)
	}
	found := pushed.FindSubmatch(out.Bytes())
	if found == nil {
		return "", exit.Errorf(exit.Failed, "pushing %s: the engine names no digest", to)
	}
	name := to
	if i := strings.LastIndexByte(to, ':'); i > strings.LastIndexByte(to, '/') {
		name = to[:i]
	}
	return name + "@" + string(found[1]), nil
}
