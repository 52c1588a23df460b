package nonroot

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

// Well-known users of images that are not here. Only what their makers document: the
// systems and toolchains among the Docker Official Images set no USER, its databases and
// servers start as root to become somebody else, distroless images tagged "nonroot" run as
// 65532, .NET's name a user in APP_UID and take it in their small variants, and the Jupyter
// stacks run as NB_UID.
const (
	distrolessNonroot = "65532:65532"
	dotnetUser        = "1654"
	jupyterUser       = "1000"
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
	if isDotnet(name) {
		return dotnet(tag)
	}
	if jupyterName.MatchString(name) {
		return dockerfile.Image{User: jupyterUser, Env: []string{"NB_USER=jovyan", "NB_UID=" + jupyterUser, "NB_GID=100"}}, true
	}
	return dockerfile.Image{}, debianLike(name, tag) || otherRoot(name) || stepsDown(image)
}

var jupyterName = regexp.MustCompile(`^(?:quay\.io/)?jupyter/(?:[a-z-]+-notebook|docker-stacks-foundation)$`)

func isDotnet(name string) bool {
	switch name {
	case "mcr.microsoft.com/dotnet/aspnet", "mcr.microsoft.com/dotnet/runtime", "mcr.microsoft.com/dotnet/runtime-deps", "mcr.microsoft.com/dotnet/sdk":
		return true
	}
	return false
}

// dotnet is a .NET image for Linux. Since version 8 they have APP_UID.
func dotnet(tag string) (dockerfile.Image, bool) {
	version, _, _ := strings.Cut(tag, ".")
	major, err := strconv.Atoi(version)
	old := err == nil && major < 8
	var image dockerfile.Image
	switch {
	case isSmall(tag) && old:
		return image, false
	case isSmall(tag):
		image.User = dotnetUser
	}
	if !old {
		image.Env = []string{"APP_UID=" + dotnetUser}
	}
	return image, true
}

// isSmall says that a .NET image is one without a shell, by its tag.
func isSmall(tag string) bool {
	return strings.Contains(tag, "chiseled") || strings.Contains(tag, "distroless")
}

// stepsDown says that what an image starts by itself begins as root and becomes somebody
// else: for good, or but for a first process.
func stepsDown(image string) bool {
	switch name, _ := familiar(image); name {
	case "postgres", "mysql", "mariadb", "mongo", "redis", "valkey/valkey", "rabbitmq", "cassandra", "ghost", "zookeeper", "nginx", "httpd":
		return true
	}
	return false
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
	return image == dockerfile.Scratch || strings.Contains(name, "distroless/") && !strings.Contains(tag, "debug") || isDotnet(name) && isSmall(tag)
}
