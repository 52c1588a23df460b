package inputs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/moby/patternmatcher/ignorefile"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

// Collector collects inputs. Services that share a build context share one walk. It is safe
// for concurrent use, and for one point in time only: a new one looks again.
type Collector struct {
	// Cache spares reading files that have not changed.
	Cache Cache
	// Before is the collector of an earlier look of the same run, whose readings are believed
	// where a file's state is the same; nil for none.
	Before *Collector

	mu    sync.Mutex
	walks map[string]func() (*tree, error)
	files int
	// states are what was read, by context.
	states map[string]map[string]known
	// unnoticed are files whose change BuildKit would not see.
	unnoticed []string
}

// Given is what the engine knows.
type Given struct {
	// Platform is what the engine's containers run on.
	Platform string
	// Images maps the names of images to their IDs; one that is not there is missing.
	Images map[string]string
	// Services maps the services that this one is built on to their digests.
	Services map[string]string
}

// Collect returns the inputs of a service's image. resolved is what Resolve found.
func (c *Collector) Collect(ctx context.Context, r *Recipe, resolved *dockerfile.Resolved, g Given) (Inputs, error) {
	in := Inputs{
		Service: r.Service, Project: r.project, Definition: r.definition, Args: r.Args,
		Platform: strings.Join(r.Targets(g.Platform), ","), Images: make(map[string]string), Contexts: make(map[string]string),
	}
	for _, name := range resolved.Images {
		in.Images[name] = g.Images[name]
	}
	in.Doubts = r.doubts(resolved, g)
	if r.Remote {
		return in, nil
	}
	in.Dockerfile = digestOf(r.File.Text)
	if err := c.context(ctx, r, resolved.Sources, &in); err != nil {
		return in, fmt.Errorf("building %s: %w", r.Service, err)
	}
	return in, c.named(ctx, r, g, &in)
}

// doubts returns why the image might differ although the inputs are equal.
func (r *Recipe) doubts(resolved *dockerfile.Resolved, g Given) []string {
	var why []string
	doubt := func(yes bool, text string) {
		if yes {
			why = append(why, text)
		}
	}
	for _, name := range resolved.Images {
		doubt(g.Images[name] == "", "base image "+name+" is not available locally")
	}
	for _, address := range resolved.Remote {
		doubt(true, "ADD fetches "+address+", which may have changed")
	}
	for _, address := range r.Named {
		doubt(isRemote(address) && !strings.HasPrefix(address, imageContext), "an additional context is remote")
	}
	doubt(r.Remote, "its build context is remote")
	doubt(r.config.NoCache, "no_cache is set in the Compose file")
	doubt(r.config.Pull, "pull is set in the Compose file")
	return why
}

func (c *Collector) context(ctx context.Context, r *Recipe, sources []string, in *Inputs) error {
	patterns, text, err := ignored(r.Context, r.Path)
	if err != nil {
		return err
	}
	if text != nil {
		in.Ignore = digestOf(text)
	}
	t, err := c.walk(ctx, scope{r.Context, sources, patterns})
	if err != nil {
		return err
	}
	in.Files, in.Newest = t.files, t.newest
	return nil
}

func (c *Collector) named(ctx context.Context, r *Recipe, g Given, in *Inputs) error {
	for _, name := range slices.Sorted(maps.Keys(r.Named)) {
		address := r.Named[name]
		service, isService := strings.CutPrefix(address, serviceContext)
		switch {
		case isService:
			in.Contexts[name] = address + " " + g.Services[service]
		case strings.HasPrefix(address, imageContext):
			in.Contexts[name] = address // its ID is among the images
		case isRemote(address):
			in.Contexts[name] = address // a doubt
		default:
			patterns, _, err := ignored(address, "")
			if err != nil {
				return err
			}
			t, err := c.walk(ctx, scope{address, []string{"."}, patterns})
			if err != nil {
				return fmt.Errorf("building %s: additional context %s: %w", r.Service, name, err)
			}
			in.Contexts[name], in.Newest = Inputs{Files: t.files}.Digest(), max(in.Newest, t.newest)
		}
	}
	return nil
}

// ignored reads the ignore file: the Dockerfile's own, or the context's. text is nil if there is none.
func ignored(root, dockerfile string) (patterns []string, text []byte, err error) {
	paths := []string{filepath.Join(root, ".dockerignore")}
	if filepath.IsAbs(dockerfile) {
		paths = append([]string{dockerfile + ".dockerignore"}, paths...)
	}
	for _, path := range paths {
		text, err := readIn(filepath.Dir(path), filepath.Base(path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading the ignore file: %w", err)
		}
		patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
		if err != nil {
			return nil, nil, fmt.Errorf("reading the ignore file %s: %w", path, err)
		}
		return patterns, text, nil
	}
	return nil, nil, nil
}

func (c *Collector) walk(ctx context.Context, s scope) (*tree, error) {
	key := strings.Join(slices.Concat([]string{s.root, strconv.Itoa(len(s.sources))}, s.sources, s.ignored), "\x00")
	c.mu.Lock()
	if c.walks == nil {
		c.walks = make(map[string]func() (*tree, error))
	}
	once, ok := c.walks[key]
	if !ok {
		once = sync.OnceValues(func() (*tree, error) { return c.read(ctx, key, s) })
		c.walks[key] = once
	}
	c.mu.Unlock()
	return once()
}

func (c *Collector) read(ctx context.Context, key string, s scope) (*tree, error) {
	last, again := c.Before.readings(key)
	if !again {
		last = c.Cache.load(key)
	}
	t, err := walk(ctx, s, last)
	if err != nil {
		return nil, err
	}
	if !again && (t.read > 0 || len(t.seen) != len(last)) {
		_ = c.Cache.store(key, t.seen) // only the next run's time is at stake
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files += len(t.files)
	c.unnoticed = append(c.unnoticed, t.unnoticed...)
	if c.states == nil {
		c.states = make(map[string]map[string]known)
	}
	c.states[key] = t.all
	return t, nil
}

func (c *Collector) readings(key string) (map[string]known, bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	states, ok := c.states[key]
	return states, ok
}

// Entries is how many files and folders were looked at.
func (c *Collector) Entries() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.files
}

// Unnoticed are the files whose content has changed since the last walk, but neither their
// size nor their mtime. BuildKit's transfer compares no more than those and would take the old
// content (earthly/earthly#2317), so somebody has to touch them.
func (c *Collector) Unnoticed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.unnoticed))
}
