package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
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
}

// Open finds the docker command; ErrNotInstalled where there is none. It starts nothing.
func Open(o Options) (*Client, error) {
	docker, err := run.Find("docker")
	if err != nil {
		return nil, exit.Errorf(exit.Missing, "%w (no command \"docker\" in PATH); \"mage setup\" installs it or says how", ErrNotInstalled)
	}
	env, err := withOwnPlugins(o.Home, o.Environ)
	if err != nil {
		return nil, err
	}
	return &Client{Docker: docker, runner: o.Runner, env: env}, nil
}

// Command is a command of the docker client.
func (c *Client) Command(args ...string) run.Cmd {
	return run.Cmd{Name: c.Docker, Args: args, Env: c.env}
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

// Ask runs a docker command that the engine answers at once, and returns the answer. Where
// there is none, the error says what is wrong with the engine (see Find); one of the command
// itself is a *run.Error, and what it printed is returned with it.
func (c *Client) Ask(ctx context.Context, args ...string) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	out, err := c.Output(limited, c.Command(args...))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, hangs()
	case err == nil || strings.Contains(strings.ToLower(err.Error()), "no such"):
		return out, err
	}
	// Asked only now, so that what works need not wait for the question.
	if _, noEngine := c.Find(ctx); noEngine != nil {
		return nil, noEngine
	}
	return out, err
}

// hangs is the error of an engine that says nothing.
func hangs() error {
	return exit.Errorf(exit.Missing, "%w: nothing came back within %s; restart Docker, then try again", ErrNotAnswering, answerWithin)
}

// HasImage reports whether the engine has an image of this name.
func (c *Client) HasImage(ctx context.Context, name string) (bool, error) {
	_, err := c.Ask(ctx, "image", "inspect", "--format", "{{.Id}}", name)
	var failed *run.Error
	if errors.As(err, &failed) && strings.Contains(strings.ToLower(failed.Stderr), "no such image") {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for image %q: %w", name, err)
	}
	return true, nil
}

// Platform asks what the engine's containers run on, as Go names it, such as "linux/amd64".
// The error of an engine that does not answer is that of Find.
func (c *Client) Platform(ctx context.Context) (string, error) {
	out, err := c.Ask(ctx, "version", "--format", "{{json .Server}}")
	var server struct{ Os, Arch string }
	if err == nil {
		err = json.Unmarshal(out, &server)
	}
	if err == nil && server.Arch == "" {
		err = errors.New("it does not say")
	}
	if err != nil {
		return "", fmt.Errorf("asking the engine what it runs on: %w", err)
	}
	return server.Os + "/" + server.Arch, nil
}
