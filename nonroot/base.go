package nonroot

import (
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/nonroot/internal/catalogue"
)

// familiar is an image's short name and its tag: "debian", "trixie-slim".
func familiar(image string) (name, tag string) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", ""
	}
	if tagged, ok := named.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	name = reference.FamiliarName(named)
	if i := strings.LastIndex(name, "/library/"); i >= 0 { // a mirror of the official images
		name = name[i+len("/library/"):]
	}
	return name, tag
}

// wellKnown is what the makers of an image document, for one that is not available locally.
func wellKnown(image string) (dockerfile.Image, bool) {
	e, ok := catalogue.Find(image)
	if !ok {
		return dockerfile.Image{}, false
	}
	known := dockerfile.Image{User: e.User, Entrypoint: e.Entrypoint, Cmd: e.Command}
	for _, name := range slices.Sorted(maps.Keys(e.Env)) {
		known.Env = append(known.Env, name+"="+e.Env[name])
	}
	return known, true
}

// debianLike says that an image is documented to be made from Debian or Ubuntu, and so has useradd.
func debianLike(image string) bool {
	e, ok := catalogue.Find(image)
	return ok && e.Tools == "debian"
}

func noShell(image string) bool {
	e, ok := catalogue.Find(image)
	return image == dockerfile.Scratch || ok && e.Tools == "none"
}
