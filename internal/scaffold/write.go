package scaffold

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2/maybe"

	"github.com/im2-audio/im2/internal/compose/edit"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/filestate"
)

//go:embed files
var files embed.FS

const (
	// stagePrefix begins the name of a folder that is being filled. Go passes over what
	// begins with a dot.
	stagePrefix = ".im2-new-"
	// staleAfter is how old one of a run that was killed must be to be removed.
	staleAfter = time.Hour
)

// File is one file of a service that is not there yet.
type File struct {
	// Name is its path relative to the project, with slashes.
	Name string
	// Text is what will be in it.
	Text []byte
}

// Files returns the files of the service's folder, by name.
func (s Service) Files() ([]File, error) {
	var all []File
	add := func(name, text string) {
		all = append(all, File{Name: filepath.ToSlash(s.Rel(filepath.Join(s.Folder, name))), Text: []byte(text)})
	}
	dockerfile, err := s.readTemplate()
	if err != nil {
		return nil, fmt.Errorf("making the files of service %s from %s: %w", s.Name, s.templateName(), err)
	}
	add("Dockerfile", dockerfile)
	folder := path.Join("files", string(s.Kind))
	entries, err := files.ReadDir(folder)
	for _, e := range entries {
		if e.Name() == "go.mod.tmpl" && !s.goMod {
			continue
		}
		var text []byte
		if text, err = files.ReadFile(path.Join(folder, e.Name())); err == nil {
			add(s.rename(e.Name()), s.expand(string(text)))
		}
	}
	slices.SortFunc(all, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// readTemplate returns the service's Dockerfile.
func (s Service) readTemplate() (string, error) {
	read := os.ReadFile
	if s.ownTemplate {
		read = files.ReadFile
	}
	text, err := read(s.Template)
	if err != nil {
		return "", err
	}
	return s.dockerfile(string(text))
}

func (s Service) rename(name string) string {
	switch name = strings.TrimSuffix(name, ".tmpl"); name {
	case "dockerignore", "gitignore":
		return "." + name
	case templateName + ".sh":
		return s.Name + ".sh"
	}
	return name
}

func (s Service) expand(text string) string {
	return strings.NewReplacer(
		"{{.Name}}", s.Name, "{{.User}}", s.User, "{{.Import}}", s.importPath, "{{.Mount}}", s.Mount,
	).Replace(text)
}

// Write makes the service: its folder, and then its entry in the Compose file. Where one of
// them fails, or ctx ends, neither is there afterwards.
func (s Service) Write(ctx context.Context) (made []File, err error) {
	if made, err = s.Files(); err != nil {
		return nil, err
	}
	parent := filepath.Dir(s.Folder)
	created, err := makeAll(parent)
	defer func() {
		if err == nil {
			return
		}
		for _, folder := range created { // the deepest first; only where nobody put something into it
			_ = os.Remove(folder)
		}
	}()
	if err != nil {
		return nil, fmt.Errorf("making service %s: %w", s.Name, err)
	}
	like, err := os.Stat(filepath.Dir(s.Compose))
	if err != nil {
		return nil, fmt.Errorf("making service %s: %w", s.Name, err)
	}
	filestate.RemoveOld(filepath.Join(parent, stagePrefix+"*"), staleAfter)
	temporary, err := os.MkdirTemp(parent, stagePrefix)
	if err != nil {
		return nil, fmt.Errorf("making service %s: %w", s.Name, err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	stage := filepath.Join(temporary, s.Name) // with the mode that a new folder has
	if err := writeAll(stage, made); err != nil {
		return nil, fmt.Errorf("making the files of service %s from %s: %w", s.Name, s.templateName(), err)
	}
	for _, folder := range created {
		edit.GiveLike(folder, like)
	}
	if err := own(stage, like); err != nil {
		return nil, fmt.Errorf("making service %s: %w", s.Name, err)
	}
	return made, s.publish(ctx, stage)
}

func writeAll(folder string, made []File) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	for _, f := range made {
		if err := maybe.WriteFile(filepath.Join(folder, path.Base(f.Name)), f.Text, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// makeAll makes a folder and those above it, and returns those that it made, the deepest first.
func makeAll(folder string) (created []string, err error) {
	for at := folder; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		}
		created = append(created, at)
	}
	return created, os.MkdirAll(folder, 0o755)
}

// own gives a folder and its content the owner of the project: files that root creates must not be closed to
// others.
func own(dir string, like fs.FileInfo) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			edit.GiveLike(path, like)
		}
		return err
	})
}

// publish moves the folder to its place and adds the entry to the Compose file. The entry is never there without
// the folder.
func (s Service) publish(ctx context.Context, stage string) (err error) {
	if _, err := os.Lstat(s.Folder); err == nil {
		return exit.Errorf(exit.Unusable, "making service %s: %s has just appeared; take another name, such as %s-2", s.Name, s.Rel(s.Folder), s.Name)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("making service %s: %w", s.Name, err)
	}
	if err := os.Rename(stage, s.Folder); err != nil {
		return fmt.Errorf("making service %s: %w", s.Name, err)
	}
	defer func() {
		if err != nil {
			if failed := os.RemoveAll(s.Folder); failed != nil {
				err = fmt.Errorf("%w; and removing the new folder %s failed too: %w", err, s.Rel(s.Folder), failed)
			}
		}
	}()
	now, err := os.ReadFile(s.Compose)
	switch {
	case err != nil:
	case !bytes.Equal(now, s.Before):
		err = errors.New("it was changed meanwhile; try again")
	case ctx.Err() != nil:
		err = ctx.Err()
	case s.replace != nil:
		err = s.replace(s.Compose, s.After)
	default:
		err = edit.Replace(s.Compose, s.After)
	}
	if err != nil {
		return fmt.Errorf("adding service %s to %s: %w; nothing was made", s.Name, s.Rel(s.Compose), err)
	}
	return nil
}
