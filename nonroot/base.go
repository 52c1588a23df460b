package nonroot

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

// Users of images that are not available locally. Only what their makers document: the
// systems and toolchains among the Docker Official Images set no USER, its databases and
// servers start as root to become somebody else, distroless images tagged "nonroot" run as
// 65532, .NET's name a user in APP_UID and take it in their small variants, and the Jupyter
// stacks run as NB_UID.
const (
	distrolessNonroot = "65532:65532"
	dotnetUser        = "1654"
	jupyterUser       = "1000"
)

var (
	// debianImages are made from Debian or Ubuntu, unless their tag says Alpine, and have useradd.
	debianImages = []string{
		"debian", "ubuntu", "buildpack-deps", "im2/base", "python", "golang", "node", "ruby", "rust", "perl", "gcc", "php",
	}
	// otherImages start as root as well, and may lack useradd.
	otherImages = []string{
		"alpine", "busybox", "fedora", "rockylinux", "almalinux", "amazonlinux", "oraclelinux", "archlinux", "centos",
		"opensuse/leap", "opensuse/tumbleweed", "bash", "python", "golang", "node", "ruby", "rust", "perl", "php",
		"eclipse-temurin", "amazoncorretto", "openjdk", "swift", "erlang", "elixir", "clojure", "dart", "julia", "maven",
	}
	// serverImages start a program as root that becomes somebody else: for good, or but for a first process.
	serverImages = []string{
		"postgres", "mysql", "mariadb", "mongo", "redis", "valkey/valkey", "rabbitmq", "cassandra", "ghost", "zookeeper", "nginx", "httpd",
	}
	dotnetName  = regexp.MustCompile(`^mcr\.microsoft\.com/dotnet/(?:aspnet|runtime|runtime-deps|sdk)$`)
	jupyterName = regexp.MustCompile(`^(?:quay\.io/)?jupyter/(?:[a-z-]+-notebook|docker-stacks-foundation)$`)
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
	switch {
	case strings.Contains(tag, "nanoserver") || strings.Contains(tag, "windows"):
		return dockerfile.Image{}, false // Windows' users are others
	case strings.Contains(name, "/distroless/") || strings.HasPrefix(name, "distroless/"):
		if strings.Contains(tag, "nonroot") {
			return dockerfile.Image{User: distrolessNonroot}, true
		}
		return dockerfile.Image{}, true
	case dotnetName.MatchString(name):
		return dotnet(tag)
	case jupyterName.MatchString(name):
		return dockerfile.Image{User: jupyterUser, Env: []string{"NB_USER=jovyan", "NB_UID=" + jupyterUser, "NB_GID=100"}}, true
	}
	return dockerfile.Image{}, debianLike(image) || slices.Contains(otherImages, name) || stepsDown(image)
}

// dotnet is a .NET image for Linux. Since version 8 they have APP_UID.
func dotnet(tag string) (dockerfile.Image, bool) {
	version, _, _ := strings.Cut(tag, ".")
	major, err := strconv.Atoi(version)
	if old := err == nil && major < 8; old {
		return dockerfile.Image{}, !isSmall(tag)
	}
	image := dockerfile.Image{Env: []string{"APP_UID=" + dotnetUser}}
	if isSmall(tag) {
		image.User = dotnetUser
	}
	return image, true
}

// isSmall says that a .NET image is one without a shell, by its tag.
func isSmall(tag string) bool {
	return strings.Contains(tag, "chiseled") || strings.Contains(tag, "distroless")
}

// stepsDown says that an image by itself starts something that becomes another user.
func stepsDown(image string) bool {
	name, _ := familiar(image)
	return slices.Contains(serverImages, name)
}

// debianLike says that an image is made from Debian or Ubuntu and has useradd.
func debianLike(image string) bool {
	name, tag := familiar(image)
	return slices.Contains(debianImages, name) && !strings.Contains(tag, "alpine")
}

func noShell(image string) bool {
	name, tag := familiar(image)
	return image == dockerfile.Scratch || strings.Contains(name, "distroless/") && !strings.Contains(tag, "debug") ||
		dotnetName.MatchString(name) && isSmall(tag)
}
