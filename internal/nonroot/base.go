package nonroot

import (
	"strings"

	"github.com/distribution/reference"

	"github.com/im2-audio/im2/internal/dockerfile"
)

// Well-known users of images that are not here. Only what their makers document: the
// systems and toolchains among the Docker Official Images set no USER, and distroless
// images tagged "nonroot" run as 65532. Official images that start as root to become
// somebody else (databases and the like) are left out on purpose.
const distrolessNonroot = "65532:65532"

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

// wellKnown is what is known of an image without having it.
func wellKnown(image string) (dockerfile.Image, bool) {
	name, tag := familiar(image)
	if strings.Contains(tag, "nanoserver") || strings.Contains(tag, "windows") {
		return dockerfile.Image{}, false // Windows' users are others
	}
	if strings.Contains(name, "/distroless/") || strings.HasPrefix(name, "distroless/") {
		if strings.Contains(tag, "nonroot") {
			return dockerfile.Image{User: distrolessNonroot}, true
		}
		return dockerfile.Image{}, true
	}
	return dockerfile.Image{}, debianLike(name, tag) || otherRoot(name)
}

// debianLike says that an image is made from Debian or Ubuntu and has useradd.
func debianLike(name, tag string) bool {
	if strings.Contains(tag, "alpine") {
		return false
	}
	switch name {
	case "debian", "ubuntu", "buildpack-deps", "im2/base", "python", "golang", "node", "ruby", "rust", "perl", "gcc", "php":
		return true
	}
	return false
}

// otherRoot says that an image starts as root and may lack useradd.
func otherRoot(name string) bool {
	switch name {
	case "alpine", "busybox", "fedora", "rockylinux", "almalinux", "amazonlinux", "oraclelinux", "archlinux", "centos",
		"opensuse/leap", "opensuse/tumbleweed", "bash", "python", "golang", "node", "ruby", "rust", "perl", "php",
		"eclipse-temurin", "amazoncorretto", "openjdk", "swift", "erlang", "elixir", "clojure", "dart", "julia", "maven":
		return true
	}
	return false
}

// noShell says that an image is known to have no shell.
func noShell(image string) bool {
	name, tag := familiar(image)
	return image == dockerfile.Scratch || strings.Contains(name, "distroless/") && !strings.Contains(tag, "debug")
}
