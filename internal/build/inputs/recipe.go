package inputs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	continuity "github.com/containerd/continuity/fs"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/run"
)

// Recipe is what is known of a service's build before anybody has looked at its build context
// or asked the engine: the Dockerfile and the arguments.
type Recipe struct {
	// Service is the service's name.
	Service string
	// Context is the absolute path of the build context, or its address.
	Context string
	// Remote says that Context is an address, which nothing here can look into.
	Remote bool
	// Path is the Dockerfile's; the text may stand in the Compose file itself.
	Path string
	// File is the Dockerfile; nil where the context is remote.
	File *dockerfile.File
	// Args are the build arguments with their values.
	Args map[string]string
	// Named are the additional contexts by name.
	Named map[string]string

	project    string
	config     types.BuildConfig
	platforms  []string // what it is built for; none for the engine's own
	definition string
}

// Read reads a service's build section and Dockerfile. lookup gives values to arguments
// that have none in the Compose file, and platforms is what Platforms returned. An error says what to do and wraps a
// *dockerfile.SyntaxError, or the reason why the file could not be read.
func Read(projectName string, service types.ServiceConfig, platforms []string, lookup func(string) (string, bool)) (*Recipe, error) {
	config := *service.Build
	r := &Recipe{
		Service: service.Name, Context: config.Context, Remote: isRemote(config.Context),
		Args: arguments(config.Args, lookup), Named: maps.Clone(config.AdditionalContexts),
		project: projectName, config: config, platforms: platforms,
	}
	definition, err := define(service)
	if err != nil {
		return nil, fmt.Errorf("reading the build section of service %s: %w", service.Name, err)
	}
	r.definition = definition
	if r.Remote {
		return r, nil
	}
	text, err := r.read()
	if err != nil {
		return nil, err
	}
	if r.File, err = dockerfile.Parse(r.Path, text); err != nil {
		return nil, fmt.Errorf("building %s: %w; fix: correct that line", service.Name, err)
	}
	if _, ok := r.File.Target(config.Target); !ok {
		return nil, fmt.Errorf("building %s: %s has no stage %q (there are: %s); fix: correct \"target\" of the service in the Compose file",
			service.Name, r.Path, config.Target, strings.Join(r.File.StageNames(), ", "))
	}
	return r, nil
}

func isRemote(context string) bool {
	return strings.Contains(context, "://") || strings.HasPrefix(context, "git@") || strings.HasPrefix(context, "github.com/")
}

func arguments(args types.MappingWithEquals, lookup func(string) (string, bool)) map[string]string {
	values := make(map[string]string, len(args))
	for name, value := range args {
		if slices.Contains(project.ProxyNames, strings.ToUpper(name)) { // no part of BuildKit's cache keys
			continue
		}
		if value != nil {
			values[name] = *value
		} else if found, ok := lookup(name); ok {
			values[name] = found
		}
	}
	return values
}

// define returns the build section without context, Dockerfile and arguments, which are compared separately, and
// without what cannot change the image (caches, attestations).
func define(service types.ServiceConfig) (string, error) {
	c := *service.Build
	c.Context, c.Dockerfile, c.DockerfileInline = "", "", ""
	c.Args, c.AdditionalContexts = nil, nil
	c.CacheFrom, c.CacheTo, c.Provenance, c.SBOM = nil, nil, "", ""
	c.SSH = slices.Clone(c.SSH)
	for i := range c.SSH {
		c.SSH[i].Path = "" // a socket of this session
	}
	text, err := json.Marshal(struct {
		Build    types.BuildConfig
		Image    string
		Platform string
	}{c, service.Image, service.Platform})
	return string(text), err
}

func (r *Recipe) read() ([]byte, error) {
	if r.config.DockerfileInline != "" {
		r.Path = "dockerfile_inline"
		return []byte(r.config.DockerfileInline), nil
	}
	r.Path = cmp.Or(r.config.Dockerfile, "Dockerfile")
	if !filepath.IsAbs(r.Path) {
		r.Path = filepath.Join(r.Context, r.Path)
	}
	if filepath.Base(r.Path) == "Dockerfile" && !exists(r.Path) {
		// Buildx takes the other spelling, too, and then looks for the ignore file of that name.
		if lower := filepath.Join(filepath.Dir(r.Path), "dockerfile"); exists(lower) {
			r.Path = lower
		}
	}
	text, err := readIn(filepath.Dir(r.Path), filepath.Base(r.Path))
	if err != nil {
		return nil, fmt.Errorf("building %s from its Dockerfile %s: %w; fix: create that file, or correct \"dockerfile\" of the service in the Compose file",
			r.Service, r.Path, exit.Reason(err))
	}
	return text, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// readIn reads a file as BuildKit does: a link that leads out of the folder is resolved inside of it.
func readIn(folder, name string) ([]byte, error) {
	path, err := continuity.RootPath(folder, name)
	if err != nil {
		return nil, err
	}
	return run.ReadFile(path)
}

// Resolve finds what the build is made from; see dockerfile.File.Resolve. image may be nil.
func (r *Recipe) Resolve(platform string, image func(string) (dockerfile.Image, bool)) (*dockerfile.Resolved, error) {
	if r.File == nil {
		return &dockerfile.Resolved{}, nil
	}
	var resolved *dockerfile.Resolved
	for _, target := range r.Targets(platform) {
		one, err := r.File.Resolve(dockerfile.Build{
			Target: r.config.Target, Args: r.Args, Platform: target, Host: spelt(platform),
			Contexts: slices.Sorted(maps.Keys(r.Named)), Image: image,
		})
		if err != nil {
			return nil, err
		}
		if resolved == nil {
			resolved = one
			continue
		}
		resolved.Images = append(resolved.Images, one.Images...)
		resolved.Remote = append(resolved.Remote, one.Remote...)
		resolved.Sources = append(resolved.Sources, one.Sources...)
	}
	for _, address := range r.Named {
		if name, ok := strings.CutPrefix(address, imageContext); ok {
			resolved.Images = append(resolved.Images, name)
		}
	}
	for _, texts := range []*[]string{&resolved.Images, &resolved.Remote, &resolved.Sources} {
		slices.Sort(*texts)
		*texts = slices.Compact(*texts)
	}
	return resolved, nil
}

// What additional contexts may be beside folders.
const (
	imageContext   = "docker-image://"
	serviceContext = "service:"
)

// Needs returns the services whose images this one is built on, in order.
func (r *Recipe) Needs() []string {
	var names []string
	for _, address := range r.Named {
		if name, ok := strings.CutPrefix(address, serviceContext); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
