package inputs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/dockerfile"
)

// ErrNoDockerfile is returned for a service whose Dockerfile is not there.
var ErrNoDockerfile = errors.New("there is no Dockerfile")

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
	definition string
}

// proxies are BuildKit's predefined arguments that are no part of its cache keys.
func proxies() []string {
	return []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"}
}

// Read reads a service's build section and Dockerfile. lookup gives values to arguments
// that have none in the Compose file. An error is a *dockerfile.SyntaxError, or wraps
// ErrNoDockerfile or the reason why the file could not be read.
func Read(project string, service types.ServiceConfig, lookup func(string) (string, bool)) (*Recipe, error) {
	config := *service.Build
	r := &Recipe{
		Service: service.Name, Context: config.Context, Remote: isRemote(config.Context),
		Args: arguments(config.Args, lookup), Named: maps.Clone(config.AdditionalContexts),
		project: project, config: config,
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
	r.File, err = dockerfile.Parse(r.Path, text)
	return r, err
}

// isRemote reports whether a build context is an address that BuildKit fetches.
func isRemote(context string) bool {
	return strings.Contains(context, "://") || strings.HasPrefix(context, "git@") || strings.HasPrefix(context, "github.com/")
}

func arguments(args types.MappingWithEquals, lookup func(string) (string, bool)) map[string]string {
	values := make(map[string]string, len(args))
	for name, value := range args {
		if slices.Contains(proxies(), strings.ToUpper(name)) {
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

// define is the build section without what is told elsewhere (context, Dockerfile, arguments)
// and what cannot change the image (caches, attestations, which are off).
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

// read returns the Dockerfile's text.
func (r *Recipe) read() ([]byte, error) {
	if r.config.DockerfileInline != "" {
		r.Path = "dockerfile_inline of service " + r.Service
		return []byte(r.config.DockerfileInline), nil
	}
	name := r.config.Dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	r.Path = name
	if !filepath.IsAbs(name) {
		r.Path = filepath.Join(r.Context, name)
	}
	text, err := os.ReadFile(r.Path)
	if errors.Is(err, fs.ErrNotExist) && filepath.Base(r.Path) == "Dockerfile" {
		// BuildKit takes the other spelling, too.
		text, err = os.ReadFile(filepath.Join(filepath.Dir(r.Path), "dockerfile"))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("service %s: %w at %s; write one, or name another with \"dockerfile:\" in the Compose file",
			r.Service, ErrNoDockerfile, r.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("service %s: reading its Dockerfile: %w", r.Service, err)
	}
	return text, nil
}

// Platform is what the service is built for: what its Compose file says, or the engine's.
func (r *Recipe) platform(engine string) string {
	if len(r.config.Platforms) > 0 {
		return strings.Join(r.config.Platforms, ",")
	}
	return engine
}

// Resolve finds what the build is made from; see dockerfile.File.Resolve. image may be nil.
func (r *Recipe) Resolve(platform string, image func(string) (dockerfile.Image, bool)) (*dockerfile.Resolved, error) {
	if r.File == nil {
		return &dockerfile.Resolved{}, nil
	}
	resolved, err := r.File.Resolve(dockerfile.Build{
		Target: r.config.Target, Args: r.Args, Platform: platform,
		Contexts: slices.Sorted(maps.Keys(r.Named)), Image: image,
	})
	if err != nil {
		return nil, err
	}
	for _, address := range r.Named {
		if name, ok := strings.CutPrefix(address, imageContext); ok {
			resolved.Images = append(resolved.Images, name)
		}
	}
	slices.Sort(resolved.Images)
	resolved.Images = slices.Compact(resolved.Images)
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
