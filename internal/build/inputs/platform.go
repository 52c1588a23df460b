package inputs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/platforms"

	"github.com/im2-audio/im2/internal/term/closest"
)

// DefaultPlatform is the variable with the platform of services that name none.
const DefaultPlatform = "DOCKER_DEFAULT_PLATFORM"

// Platforms returns what a service is built for, as "docker compose up" decides: its platform, DOCKER_DEFAULT_PLATFORM,
// or the only one of build.platforms; nil for the engine's own. If all, it is every one of build.platforms first.
func Platforms(service types.ServiceConfig, lookup func(string) (string, bool), all bool) []string {
	built := service.Build.Platforms
	if all && len(built) > 0 {
		return built
	}
	if service.Platform != "" {
		return []string{service.Platform}
	}
	if value, _ := lookup(DefaultPlatform); value != "" {
		return []string{value}
	}
	if len(built) == 1 {
		return built
	}
	return nil
}

// Targets returns the platforms that it is built for, as BuildKit passes them to Dockerfiles: "linux/aarch64" is
// linux/arm64, "linux/arm" is linux/arm/v7.
func (r *Recipe) Targets(engine string) []string { return Spelt(r.platforms, engine) }

// Spelt spells the result of Platforms as BuildKit does, the engine's platform if there is none.
func Spelt(asked []string, engine string) []string {
	if len(asked) == 0 {
		asked = []string{engine}
	}
	names := make([]string, 0, len(asked))
	for _, name := range asked {
		names = append(names, spelt(name))
	}
	return names
}

func spelt(platform string) string {
	p, err := platforms.Parse(platform)
	if err != nil {
		return platform // nobody knows the engine's, or BuildKit says what is wrong with it
	}
	return platforms.Format(platforms.Normalize(p))
}

// architectures are those of Linux that Go knows, as BuildKit spells them.
var architectures = []string{
	"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x",
}

// CheckPlatform returns what is wrong with the name of a platform. Of an unknown architecture, BuildKit would make an
// image that nothing can run.
func CheckPlatform(name string) error {
	p, err := platforms.Parse(name)
	if err != nil {
		return fmt.Errorf("%q is no platform, such as linux/arm64", name)
	}
	if p = platforms.Normalize(p); p.OS != "linux" || slices.Contains(architectures, p.Architecture) {
		return nil
	}
	known := make([]string, 0, len(architectures))
	for _, architecture := range architectures {
		known = append(known, "linux/"+architecture)
	}
	return fmt.Errorf("%q has no known architecture; known are %s%s", name, strings.Join(architectures, ", "), closest.Hint(name, known))
}
