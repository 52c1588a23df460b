package project

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
)

// remoteFile reports whether include names a file that Compose would fetch.
func remoteFile(path string) bool {
	return strings.Contains(path, "://") || strings.HasPrefix(path, "oci:") || strings.HasPrefix(path, "git@") || strings.HasPrefix(path, "github.com/")
}

// refuseRemote is the error for such a file where the project is to be built or started.
func refuseRemote(path string) error {
	return exit.Errorf(exit.Unusable, "reading include: %q is not on this machine, and only files are read; fix: copy it into the project, and include the copy", path)
}

// elsewhere takes an empty Compose file for those that are fetched, so that the rest of a project can be judged.
type elsewhere struct {
	refused []string // what was left out
	empty   string   // the file; "" until it is needed
}

// Accept implements loader.ResourceLoader.
func (e *elsewhere) Accept(path string) bool { return remoteFile(path) }

// Dir implements loader.ResourceLoader.
func (e *elsewhere) Dir(string) string { return "." }

// Load implements loader.ResourceLoader.
func (e *elsewhere) Load(_ context.Context, path string) (string, error) {
	if !slices.Contains(e.refused, path) {
		e.refused = append(e.refused, path)
	}
	if e.empty != "" {
		return e.empty, nil
	}
	f, err := os.CreateTemp("", "im2-*.yml")
	if err != nil {
		return "", err
	}
	e.empty = f.Name()
	if _, err := f.WriteString("services: {}\n"); err != nil {
		_ = f.Close()
		return "", err
	}
	return e.empty, f.Close()
}

func (e *elsewhere) remove() {
	if e.empty != "" {
		_ = os.Remove(e.empty)
		e.empty = ""
	}
}
