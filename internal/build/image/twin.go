package image

import (
	"reflect"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

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
