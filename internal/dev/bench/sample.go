package bench

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/im2-audio/im2/internal/project"
)

// sample is a Compose project that is made to be built: modules of small files in a few
// folders each. No process in it runs as root.
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

func module(n int) string { return fmt.Sprintf("m%02d", n) }

func (s sample) make() error {
	compose := []byte("name: " + s.name + "\nservices:\n")
	for n := range s.modules {
		compose = fmt.Appendf(compose, service, module(n), markLabel, s.mark)
	}
	if err := write(filepath.Join(s.root, "docker-compose.yml"), compose); err != nil {
		return err
	}
	return s.freshen()
}

func (s sample) freshen() error {
	for m := range s.modules {
		if err := write(filepath.Join(s.root, module(m), "Dockerfile"), []byte(dockerfile+"# "+rand.Text()+"\n")); err != nil {
			return err
		}
		for n := range s.files {
			if err := s.fresh(m, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// fresh gives file n of module m content that no file had before: from some hundred to some
// thousand bytes.
func (s sample) fresh(m, n int) error {
	folders := [...]string{".", "src", "src/inner", "assets", "config"}
	content := make([]byte, 300+n*797%4000)
	_, _ = rand.Read(content) // never fails
	return write(filepath.Join(s.root, module(m), folders[n%len(folders)], fmt.Sprintf("%04d.dat", n)), content)
}

func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// environ returns an environment to build samples in, without what would make them another project or
// reconfigure Compose or Mage, and with the base image.
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
