package image

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"github.com/im2-audio/im2/internal/build/inputs"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/internal/safetext"
)

// maxSecret is how large a secret of a build may be (session/secrets in BuildKit).
const maxSecret = 500 << 10

// check refuses what needs no look into build contexts. What is in contexts and Dockerfiles is checked by the
// plan, which reads them anyway.
func (b Builder) check(services []string) error {
	if err := CheckBundle(b.Project.Root, b.Project.Settings); err != nil {
		return err
	}
	for _, name := range services {
		if err := b.checkFolder(name); err != nil {
			return err
		}
		if err := b.checkPlatforms(name); err != nil {
			return err
		}
	}
	return b.checkTags(services)
}

// Bundle is the path of the certificates that builds of the project in root are given; ""
// for none.
func Bundle(root string, s project.Settings) string {
	path := s.Get(project.CABundle).Value
	if path != "" && !filepath.IsAbs(path) {
		path = filepath.Join(root, path) // as Buildx reads it
	}
	return path
}

// CheckBundle refuses certificates that no build could be given.
func CheckBundle(root string, s project.Settings) error {
	bundle, path := s.Get(project.CABundle), Bundle(root, s)
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = errors.New("it is a folder, not a file")
	}
	if err == nil && info.Size() > maxSecret {
		err = fmt.Errorf("it has %d bytes; BuildKit accepts at most %d in a secret; keep only the certificates that this network needs", info.Size(), maxSecret)
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "giving builds the certificates of %s, set to %q in %s: %w; fix: correct it, or leave it empty if nothing inspects TLS",
			project.CABundle, bundle.Value, bundle.Where(), exit.Reason(err))
	}
	return nil
}

func (b Builder) checkFolder(name string) error {
	folder := b.Project.Compose.Services[name].Build.Context
	if !filepath.IsAbs(folder) {
		return nil
	}
	info, err := os.Stat(folder)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a folder")
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "building %s in its context %s: %w; fix: create that folder, or correct \"context\" of the service in the Compose file",
			name, folder, exit.Reason(err))
	}
	return nil
}

func (b Builder) checkPlatforms(name string) error {
	service := b.Project.Compose.Services[name]
	where := "it in the Compose file"
	if _, ok := b.lookup(inputs.DefaultPlatform); ok && service.Platform == "" && !b.push {
		where = inputs.DefaultPlatform
	}
	built := service.Build.Platforms
	for _, platform := range b.platforms(name) {
		err := inputs.CheckPlatform(platform)
		if err == nil && len(built) > 0 && !slices.Contains(inputs.Spelt(built, ""), inputs.Spelt([]string{platform}, "")[0]) {
			err = fmt.Errorf("%q is none of its build.platforms, which are %s", platform, safetext.List(built, 5, ", "))
		}
		if parts := strings.Split(platform, "/"); err == nil && parts[0] != "linux" && len(b.folders([]string{name})) > 0 {
			err = fmt.Errorf("%q is not Linux, which Go programs of services are compiled for", platform)
		}
		if err != nil {
			return exit.Errorf(exit.Unusable, "building %s for its platform: %w; fix: correct %s", name, err, where)
		}
	}
	return nil
}

// checkProgram refuses a Dockerfile that copies the Go program of a service from where nobody compiles it: it would
// be one from elsewhere, perhaps for another platform. sources are what the Dockerfile copies.
func (b Builder) checkProgram(name string, sources []string) error {
	for _, folder := range b.folders([]string{name}) {
		if program := filepath.Base(folder); slices.Contains(sources, path.Join("bin", program)) {
			return exit.Errorf(exit.Unusable, "building %s: its Dockerfile copies bin/%s, but programs are compiled into bin/PLATFORM; fix: write \"ARG TARGETPLATFORM\" and \"COPY bin/${TARGETPLATFORM}/%[2]s\" there",
				name, program)
		}
	}
	return nil
}

// checkTags refuses two different builds of one image name: the one that is done last would win.
func (b Builder) checkTags(services []string) error {
	owners := make(map[string]string)
	for _, name := range services {
		for _, tag := range b.names(name) {
			other, taken := owners[tag]
			if !taken {
				owners[tag] = name
				continue
			}
			if !b.sameBuild(other, name) {
				return exit.Errorf(exit.Unusable, "services %s and %s build different images with the same name %s; fix: give one of them another \"image\", or use the same \"build\" section for both",
					other, name, tag)
			}
		}
	}
	return nil
}

func (b Builder) names(service string) []string {
	names := []string{familiar(b.Project.Image(service))}
	for _, tag := range b.Project.Compose.Services[service].Build.Tags {
		names = append(names, familiar(tag))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func familiar(name string) string {
	ref, err := reference.ParseDockerRef(name)
	if err != nil {
		return name // BuildKit says what is wrong with it
	}
	return reference.FamiliarString(ref)
}

// Services may share an image: several that have one "image" and the same build section, as
// a web server and its worker do. It is built once, for the first of them.

// owner returns the service for which the image of a service is built: the first of those that share it.
func (b Builder) owner(service string) string {
	for _, other := range b.Project.Built() {
		if b.Project.Image(other) == b.Project.Image(service) && b.sameBuild(other, service) {
			return other
		}
	}
	return service
}

func (b Builder) sameBuild(one, other string) bool {
	services := b.Project.Compose.Services
	what := func(s types.ServiceConfig) []any { return []any{*s.Build, s.Platform} }
	return reflect.DeepEqual(what(services[one]), what(services[other]))
}

func (b Builder) once(services []string) []string {
	return slices.DeleteFunc(slices.Clone(services), func(name string) bool {
		owner := b.owner(name)
		return owner != name && slices.Contains(services, owner)
	})
}
