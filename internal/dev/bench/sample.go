package bench

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/im2-audio/im2/internal/project"
)

// sample is a Compose project that is made to be built: modules of small files in a few
// folders each. No process in it is root.
type sample struct {
	// root is its folder, name its Compose project's name.
	root, name string
	// mark is the value of the label that all of a bench's images and containers have.
	mark string
	// modules is how many there are, files how many each has beside its Dockerfile.
	modules, files int
}

// markLabel is the label of what a bench made, so that it is found again.
const markLabel = "im2.bench"

// dockerfile builds a module: little more than its files.
const dockerfile = `ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ARG USER_ID
ARG GROUP_ID
COPY . /app
USER ${USER_ID:?USER_ID is empty}:${GROUP_ID:?GROUP_ID is empty}
CMD ["sleep", "infinity"]
`

// service is one module's entry in the Compose file. Its container does nothing, which
// init lets it stop doing at once.
const service = `  %[1]s:
    build:
      context: ./%[1]s
      args:
        BASE_IMAGE: ${BASE_IMAGE:-debian:trixie-slim}
        USER_ID: ${APP_USER_ID:-1000}
        GROUP_ID: ${APP_GROUP_ID:-1000}
      labels: {%[2]s: %[3]s}
    labels: {%[2]s: %[3]s}
    init: true
    network_mode: none
`

// image is the name that Compose gives to a module's image.
func (s sample) image(module string) string { return s.name + "-" + module }

// module is the name of module n.
func (s sample) module(n int) string { return fmt.Sprintf("m%02d", n) }

// each are the names of all modules.
func (s sample) each() []string {
	names := make([]string, 0, s.modules)
	for n := range s.modules {
		names = append(names, s.module(n))
	}
	return names
}

// path is that of file n of a module.
func (s sample) path(module string, n int) string {
	folders := [...]string{".", "src", "src/inner", "assets", "config"}
	return filepath.Join(s.root, module, folders[n%len(folders)], fmt.Sprintf("%04d.dat", n))
}

// size is how many bytes file n has: from some hundred to some thousand.
func size(n int) int { return 300 + n*797%4000 }

// make makes the project's folders and Compose file; its modules' files are freshen's.
func (s sample) make() error {
	var compose strings.Builder
	_, _ = fmt.Fprintf(&compose, "name: %s\nservices:\n", s.name) // a Builder takes everything
	for _, module := range s.each() {
		_, _ = fmt.Fprintf(&compose, service, module, markLabel, s.mark)
		for n := range s.files {
			if err := os.MkdirAll(filepath.Dir(s.path(module, n)), 0o755); err != nil { //nolint:gosec // goes into an image for any user
				return err
			}
		}
	}
	return write(filepath.Join(s.root, "docker-compose.yml"), []byte(compose.String()))
}

// freshen gives every file content that no file had before.
func (s sample) freshen(ctx context.Context) error {
	fresh := random()
	for _, module := range s.each() {
		if err := ctx.Err(); err != nil {
			return err
		}
		text := fmt.Appendf([]byte(dockerfile), "# %x\n", bytesOf(fresh, 16))
		if err := write(filepath.Join(s.root, module, "Dockerfile"), text); err != nil {
			return err
		}
		for n := range s.files {
			if err := write(s.path(module, n), bytesOf(fresh, size(n))); err != nil {
				return err
			}
		}
	}
	return nil
}

// change gives the first file of a module content that no file had before.
func (s sample) change(module string) error {
	return write(s.path(module, 0), bytesOf(random(), size(0)))
}

// write writes a file of a sample, which nobody reads before it is complete.
func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // goes into an image for any user
		return err
	}
	return os.WriteFile(path, content, 0o644) //nolint:gosec // goes into an image for any user
}

// random returns a source of bytes that nobody saw before.
func random() *rand.ChaCha8 {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	return rand.NewChaCha8(seed)
}

func bytesOf(source *rand.ChaCha8, n int) []byte {
	content := make([]byte, n)
	_, _ = source.Read(content) // never fails
	return content
}

// environ is the environment in which samples are built: the given one without what would
// make them another project, make Compose another command or tell a mage command what
// another one was told, and with the base image.
func environ(given []string, base string) []string {
	var kept []string
	for _, entry := range given {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case strings.HasPrefix(name, "COMPOSE_"), name == project.BaseImage, name == "BUILDKIT_PROGRESS":
		case strings.HasPrefix(name, "MAGEFILE_") && name != "MAGEFILE_CACHE" && name != "MAGEFILE_HASHFAST":
		default:
			kept = append(kept, entry)
		}
	}
	return append(kept, project.BaseImage+"="+base, "BUILDKIT_PROGRESS=plain")
}
