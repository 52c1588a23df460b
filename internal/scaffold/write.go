package scaffold

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/otiai10/copy"

	"github.com/im2-audio/im2/internal/compose/edit"
	"github.com/im2-audio/im2/internal/exit"
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
	dir, err := os.MkdirTemp("", "im2-new-")
	if err != nil {
		return nil, fmt.Errorf("trying the files of service %s: %w", s.Name, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := s.fill(dir); err != nil {
		return nil, err
	}
	return s.list(dir)
}

func (s Service) list(dir string) ([]File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the files of service %s: %w", s.Name, err)
	}
	var all []File
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("listing the files of service %s: %w", s.Name, err)
		}
		all = append(all, File{Name: filepath.ToSlash(s.Rel(filepath.Join(s.Folder, e.Name()))), Text: text})
	}
	return all, nil
}

// Write makes the service: its folder, and then its entry in the Compose file. Where one of
// them fails, or ctx ends, neither is there afterwards.
func (s Service) Write(ctx context.Context) (made []File, err error) {
	parent, created, err := s.parent()
	if err != nil {
		return nil, fmt.Errorf("making service %s: %w", s.Name, err)
	}
	defer func() {
		if err == nil {
			return
		}
		for _, folder := range created { // the deepest first; only where nobody put something into it
			_ = os.Remove(folder)
		}
	}()
	like, err := os.Stat(filepath.Dir(s.Compose))
	if err != nil {
		return nil, fmt.Errorf("making service %s: %w", s.Name, err)
	}
	sweep(parent)
	temporary, err := os.MkdirTemp(parent, stagePrefix)
	if err != nil {
		return nil, fmt.Errorf("making service %s: %w", s.Name, err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	stage := filepath.Join(temporary, s.Name) // with the mode that a new folder has
	if err := s.fill(stage); err != nil {
		return nil, err
	}
	if made, err = s.list(stage); err != nil {
		return nil, err
	}
	for _, folder := range created {
		edit.GiveLike(folder, like)
	}
	if err := own(stage, like); err != nil {
		return nil, fmt.Errorf("making service %s: %w", s.Name, err)
	}
	return made, s.publish(ctx, stage)
}

func (s Service) parent() (parent string, created []string, err error) {
	parent = filepath.Dir(s.Folder)
	for folder := parent; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(folder); err == nil || filepath.Dir(folder) == folder {
			break
		}
		created = append(created, folder)
	}
	return parent, created, os.MkdirAll(parent, 0o755)
}

func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, stagePrefix+"*")) // the pattern is right
	for _, folder := range left {
		if info, err := os.Lstat(folder); err == nil && info.IsDir() && time.Since(info.ModTime()) > staleAfter {
			_ = os.RemoveAll(folder)
		}
	}
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
				err = fmt.Errorf("%w; and %s could not be removed again: %w", err, s.Rel(s.Folder), failed)
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

func (s Service) fill(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making service %s: %w", s.Name, err)
	}
	var from fs.FS // nil is the disk
	if s.ownTemplate {
		from = files
	}
	err := copy.Copy(s.Template, filepath.Join(dir, "Dockerfile"), copy.Options{
		Sync:              true,
		FS:                from,
		PermissionControl: readable,
		OnSymlink:         func(string) copy.SymlinkAction { return copy.Deep },
		WrapReader:        func(r io.Reader) io.Reader { return changed(r, s.dockerfile) },
	})
	if err == nil {
		err = copy.Copy("files/"+string(s.Kind), dir, copy.Options{
			Sync:              true,
			FS:                files,
			PermissionControl: readable,
			Skip: func(_ os.FileInfo, src, _ string) (bool, error) {
				return filepath.Base(src) == "go.mod.tmpl" && !s.goMod, nil
			},
			RenameDestination: func(_, dest string) (string, error) { return s.rename(dest), nil },
			WrapReader:        func(r io.Reader) io.Reader { return changed(r, s.expand) },
		})
	}
	if err != nil {
		return fmt.Errorf("making the files of service %s from %s: %w", s.Name, s.templateName(), err)
	}
	return nil
}

// readable leaves the mode of a new file to the umask: the source may be readable only by root, or, in the
// embedded files, not writable.
func readable(info fs.FileInfo, dest string) (func(*error), error) {
	if info.IsDir() {
		return func(*error) {}, os.MkdirAll(dest, 0o755)
	}
	return func(*error) {}, nil
}

func (s Service) rename(dest string) string {
	dir, name := filepath.Split(dest)
	name, isTemplate := strings.CutSuffix(name, ".tmpl")
	if !isTemplate {
		return dest
	}
	switch name {
	case "dockerignore", "gitignore":
		name = "." + name
	case templateName + ".sh":
		name = s.Name + ".sh"
	}
	return dir + name
}

func changed(r io.Reader, by func(string) (string, error)) io.Reader {
	text, err := io.ReadAll(r)
	after := ""
	if err == nil {
		after, err = by(string(text))
	}
	if err != nil {
		return failing{err}
	}
	return strings.NewReader(after)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (s Service) expand(text string) (string, error) {
	return strings.NewReplacer(
		"{{.Name}}", s.Name, "{{.User}}", s.User, "{{.Import}}", s.importPath, "{{.Mount}}", s.Mount,
	).Replace(text), nil
}
