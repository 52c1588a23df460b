package project

import (
	"context"
	"os"
	"path/filepath"
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
	folder, err := os.MkdirTemp("", "im2-") // compose-go reads the .env beside it: nobody else's
	if err != nil {
		return "", err
	}
	e.empty = filepath.Join(folder, "compose.yml")
	return e.empty, os.WriteFile(e.empty, []byte("services: {}\n"), 0o600)
}

func (e *elsewhere) remove() {
	if e.empty != "" {
		_ = os.RemoveAll(filepath.Dir(e.empty))
		e.empty = ""
	}
}
