package scaffold

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// separator stands between the names in COMPOSE_FILE: no path has it.
const separator = "\n"

// examine reads the project. One that Compose refuses only because it has no service yet is read with one.
func examine(ctx context.Context, r Request, files []string) (*project.Project, error) {
	p, _, err := project.Examine(ctx, r.Root, r.Environ)
	if err == nil || ctx.Err() != nil {
		return p, err
	}
	for _, path := range files {
		text, failed := os.ReadFile(path)
		if failed != nil || hasServices(path, text) {
			return nil, err
		}
	}
	text, failed := os.ReadFile(files[0])
	if failed != nil {
		return nil, err
	}
	with, _, failed := add(files[0], text, &Service{Name: r.Name})
	if failed != nil {
		return nil, err
	}
	p, failed = examineWith(ctx, r, files, files[0], with)
	if failed != nil {
		return nil, err // the one about the file as it is
	}
	delete(p.Compose.Services, r.Name)
	return p, nil
}

var errTry = errors.New("trying the new Compose file")

func examineWith(ctx context.Context, r Request, files []string, path string, text []byte) (*project.Project, error) {
	return examineWithAll(ctx, r, files, map[string][]byte{path: text})
}

// examineWithAll reads the project as if these files had other texts.
func examineWithAll(ctx context.Context, r Request, files []string, texts map[string][]byte) (*project.Project, error) {
	dir, err := os.MkdirTemp("", "im2-new-")
	if err != nil {
		return nil, exit.Errorf(exit.Failed, "%w: %w", errTry, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var names []string
	for i, file := range files {
		text, changed := texts[file]
		if target, err := filepath.EvalSymlinks(file); err == nil && !changed {
			text, changed = texts[target]
		}
		if changed {
			instead := filepath.Join(dir, strconv.Itoa(i)+"-"+filepath.Base(file))
			if err := os.WriteFile(instead, text, 0o600); err != nil {
				return nil, exit.Errorf(exit.Failed, "%w: %w", errTry, err)
			}
			file = instead
		}
		names = append(names, file)
	}
	var environ []string
	for _, entry := range r.Environ {
		if name, _, _ := strings.Cut(entry, "="); name != "COMPOSE_FILE" && name != "COMPOSE_PATH_SEPARATOR" {
			environ = append(environ, entry)
		}
	}
	environ = append(environ, "COMPOSE_FILE="+strings.Join(names, separator), "COMPOSE_PATH_SEPARATOR="+separator)
	p, _, err := project.Examine(ctx, r.Root, environ)
	return p, err
}
