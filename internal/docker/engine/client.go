package engine

import (
	"context"
	"encoding/csv"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/run"
)

// Client is the docker command and its environment. Nobody has asked yet whether an engine
// answers: what needs no Compose and no Buildx saves that question, which takes as long as
// three others.
type Client struct {
	// Docker is the path of the docker command.
	Docker string

	runner run.Runner
	env    []string
	socket *socket // nil where there is none
}

// Open finds the docker command; ErrNotInstalled where there is none. It starts nothing.
func Open(o Options) (*Client, error) {
	docker, err := run.Find("docker")
	if err != nil {
		return nil, notInstalled()
	}
	env, err := withOwnPlugins(o.Home, o.Environ)
	if err != nil {
		return nil, err
	}
	return &Client{Docker: docker, runner: o.Runner, env: env, socket: openSocket(docker, o.Environ)}, nil
}

// Command is a command of the docker client. What it imports, pulls and runs is for the engine's own platform where
// its arguments name none: DOCKER_DEFAULT_PLATFORM is about the services, and those are for Compose and Buildx.
func (c *Client) Command(args ...string) run.Cmd {
	return run.Cmd{Name: c.Docker, Args: args, Env: append(slices.Clone(c.env), "DOCKER_DEFAULT_PLATFORM=")}
}

// Run runs a command made by the methods of this package.
func (c *Client) Run(ctx context.Context, cmd run.Cmd) error {
	return c.runner.Run(ctx, cmd)
}

// Output runs a command and returns its standard output.
func (c *Client) Output(ctx context.Context, cmd run.Cmd) ([]byte, error) {
	return run.Output(ctx, c.runner, cmd)
}

// Combined runs a command and returns both of its outputs.
func (c *Client) Combined(ctx context.Context, cmd run.Cmd) ([]byte, error) {
	return run.Combined(ctx, c.runner, cmd)
}

// BindMount is the value of --mount for a folder: unlike --volume, it may have any characters, and a folder that the
// engine does not see is an error instead of a new one.
func BindMount(source, target string, options ...string) string {
	var text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write(append([]string{"type=bind", "source=" + source, "target=" + target}, options...)) // never fails
	w.Flush()
	return strings.TrimSuffix(text.String(), "\n")
}
