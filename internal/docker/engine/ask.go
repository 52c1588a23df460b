package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/safetext"
)

// ask runs a docker command that the engine answers at once. If there is no answer, the error says what is wrong
// with the engine (see Find); an error of the command itself is a *run.Error, and its output is returned with
// it.
func (c *Client) ask(ctx context.Context, args ...string) ([]byte, error) {
	out, err := c.answer(ctx, args...)
	if err == nil || missing(err) || ctx.Err() != nil || errors.Is(err, ErrNotAnswering) {
		return out, err
	}
	return out, c.Diagnose(ctx, err)
}

// answer is ask without a diagnosis.
func (c *Client) answer(ctx context.Context, args ...string) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	out, err := c.Output(limited, c.Command(args...))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, hangs()
	}
	return out, err
}

// Diagnose returns what is wrong with the engine, or err if nothing is. Asking only after an error saves time
// when all works.
func (c *Client) Diagnose(ctx context.Context, err error) error {
	if _, noEngine := c.Find(ctx); noEngine != nil {
		return noEngine
	}
	return err
}

func missing(err error) bool {
	var failed *run.Error
	return errors.As(err, &failed) && strings.Contains(strings.ToLower(failed.Stderr), "no such")
}

// version is what the engine says of its versions.
type version struct {
	Os, Arch   string
	APIVersion string `json:"ApiVersion"`
	Components []struct{ Name string }
}

func (v version) podman() bool {
	return slices.ContainsFunc(v.Components, func(c struct{ Name string }) bool { return c.Name == "Podman Engine" })
}

func (c *Client) version(ctx context.Context) (v version, err error) {
	if c.socket == nil || c.socket.get(ctx, "/version", &v) != nil {
		var out []byte
		if out, err = c.answer(ctx, "version", "--format", "{{json .Server}}"); err == nil {
			err = json.Unmarshal(out, &v)
		}
	}
	if err == nil && (v.APIVersion == "" || v.Arch == "") {
		err = exit.Errorf(exit.Failed, "its answer has no API version or no processor")
	}
	if err != nil {
		return version{}, fmt.Errorf("asking the engine for its version: %w", err)
	}
	return v, nil
}

// Platform asks what the engine's containers run on, as Go names it, such as "linux/amd64".
// If the engine does not answer, the error is the one that Find returns.
func (c *Client) Platform(ctx context.Context) (string, error) {
	v, err := c.version(ctx)
	if err != nil {
		return "", c.Diagnose(ctx, err)
	}
	return v.Os + "/" + v.Arch, nil
}

func (c *Client) describe(ctx context.Context, kind string, names []string, all any) error {
	if len(names) == 0 {
		return nil
	}
	text, err := c.describeBySocket(ctx, kind, names)
	if err != nil {
		text, err = c.ask(ctx, append([]string{kind, "inspect"}, names...)...)
	}
	// The command fails when one is missing, and prints the others all the same.
	if err != nil && !missing(err) {
		return fmt.Errorf("asking the engine about %s: %w", safetext.List(names, 1, ", "), err)
	}
	if err := json.Unmarshal(text, all); err != nil {
		return c.Diagnose(ctx, exit.Errorf(exit.Failed, "reading what the engine says of %s: %w", safetext.List(names, 1, ", "), err))
	}
	return nil
}

func (c *Client) describeBySocket(ctx context.Context, kind string, names []string) ([]byte, error) {
	if c.socket == nil {
		return nil, errNotFound
	}
	found := make([]json.RawMessage, len(names))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4) // more would only wait for each other in the engine
	for i, name := range names {
		g.Go(func() error {
			path := url.URL{Path: "/" + kind + "s/" + name + "/json"}
			err := c.socket.get(ctx, path.EscapedPath(), &found[i])
			if errors.Is(err, errNotFound) {
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	there := found[:0]
	for _, text := range found {
		if text != nil {
			there = append(there, text)
		}
	}
	return json.Marshal(there)
}

// HasImage reports whether the engine has an image of this name.
func (c *Client) HasImage(ctx context.Context, name string) (bool, error) {
	found, err := c.Images(ctx, []string{name})
	return len(found) > 0, err
}

// Nameless returns the IDs of all images that have no name ("dangling").
func (c *Client) Nameless(ctx context.Context) ([]string, error) {
	ids, err := c.listBySocket(ctx, "/images/json", "dangling", "true")
	if err == nil {
		return ids, nil
	}
	out, err := c.ask(ctx, "image", "ls", "--quiet", "--no-trunc", "--filter", "dangling=true")
	return strings.Fields(string(out)), err
}

// Containers returns the IDs of all containers with this label ("name=value"), also of those
// that do not run.
func (c *Client) Containers(ctx context.Context, label string) ([]string, error) {
	ids, err := c.listBySocket(ctx, "/containers/json", "label", label)
	if err == nil {
		return ids, nil
	}
	out, err := c.ask(ctx, "ps", "--all", "--quiet", "--no-trunc", "--filter", "label="+label)
	return strings.Fields(string(out)), err
}

// listBySocket returns the IDs of all that passes a filter.
func (c *Client) listBySocket(ctx context.Context, path, filter, value string) ([]string, error) {
	if c.socket == nil {
		return nil, errNotFound
	}
	filters, err := json.Marshal(map[string][]string{filter: {value}})
	var found []struct{ ID string }
	if err == nil {
		err = c.socket.get(ctx, path+"?all=1&filters="+url.QueryEscape(string(filters)), &found)
	}
	ids := make([]string, 0, len(found))
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	return ids, err
}

// Processes returns what ps says of a container's processes in these columns, one row for
// each. It looks from outside, so the image needs no ps.
func (c *Client) Processes(ctx context.Context, id string, columns ...string) ([][]string, error) {
	format := strings.Join(columns, ",")
	if c.socket != nil {
		var top struct{ Processes [][]string }
		err := c.socket.get(ctx, "/containers/"+id+"/top?ps_args="+url.QueryEscape("-eo "+format), &top)
		if err == nil {
			return top.Processes, nil
		}
	}
	out, err := c.ask(ctx, "top", id, "-eo", format)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if fields := strings.Fields(line); i > 0 && len(fields) >= len(columns) {
			rows = append(rows, fields)
		}
	}
	return rows, nil
}
