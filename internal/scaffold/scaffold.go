// Package scaffold makes a new service: a folder from modules/Dockerfile.template with a
// small program that is healthy at once, and its entry in the Compose file, whose other
// bytes stay as they are. All of it comes to be, or nothing does.
package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/mod/modfile"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/project"
)

// DefaultUser is the user that a service runs as unless another name is asked for.
const DefaultUser = templateUser

const (
	// modules is where services stand in a project that does not say it.
	modules = "modules"
	// templateFile is the Dockerfile that new ones are made from.
	templateFile = "Dockerfile.template"
)

// Kind says what a service's program is.
type Kind string

const (
	// Pipeline is Go on the project's own package pipeline/service.
	Pipeline Kind = "pipeline"
	// Go is Go on nothing but the standard library.
	Go Kind = "go"
	// Shell is a shell script, for projects whose Compose file names no Go folder.
	Shell Kind = "shell"
)

// Request is what is to be made.
type Request struct {
	// Root is the project's folder, and Environ the process environment.
	Root    string
	Environ []string
	// Name is the service's, User its user's.
	Name, User string
}

// Service is a service that is not there yet.
type Service struct {
	Name, User string
	// Kind is the program's.
	Kind Kind
	// Folder is where it is made, absolute.
	Folder string
	// Template is the file that its Dockerfile is made from: the project's, or one in files.
	Template string
	// Mount is where the data folder is mounted; "" when the project has none.
	Mount string
	// Compose is the Compose file that gets the entry, with its text now and then, and the
	// line on which the entry begins.
	Compose       string
	Before, After []byte
	Line          int

	root         string
	ownTemplate  bool   // Template is in files
	templateFrom string // how the Dockerfile calls the template
	importPath   string // of the module that has pipeline/service
	goMod        bool   // a go.mod of its own is needed
	data         string // the data folder; "" for none
	uid, gid     string // how the Compose file refers to the IDs

	replace func(path string, text []byte) error // edit.Replace; tests have others
}

// Prepare looks whether the service can be made and how. Nothing is written. An error that is
// about the request or the project has the exit code Unusable.
func Prepare(ctx context.Context, r Request) (Service, error) {
	if err := errors.Join(CheckName(r.Name), CheckUser(r.User)); err != nil {
		return Service{}, err
	}
	files, err := project.Files(r.Root, r.Environ)
	if err != nil {
		return Service{}, err
	}
	set, err := composefile.Open(files, os.ReadFile)
	if err != nil {
		return Service{}, exit.With(exit.Unusable, err)
	}
	p, err := examine(ctx, r, files)
	if err != nil {
		return Service{}, err
	}
	s := Service{
		Name: r.Name, User: r.User, root: p.Root,
		uid: "${" + p.Settings.UIDName + ":-1000}", gid: "${" + p.Settings.GIDName + ":-1000}",
	}
	if err := s.place(p); err != nil {
		return Service{}, err
	}
	if err := s.clash(p, set); err != nil {
		return Service{}, err
	}
	if err := s.enter(files); err != nil {
		return Service{}, err
	}
	return s, s.confirm(ctx, r, files, p)
}

func (s *Service) place(p *project.Project) error {
	parent := p.GoModules
	if parent == "" {
		parent = sharedFolder(p)
	}
	s.Folder = filepath.Join(parent, s.Name)
	s.Kind = Shell
	if p.GoModules != "" {
		s.Kind = Go
		root, path := goModule(parent)
		s.goMod = root == ""
		if _, err := os.Stat(filepath.Join(root, "pipeline", "service", "service.go")); err == nil && path != "" {
			s.Kind, s.importPath = Pipeline, path
		}
	}
	if p.Data != "" {
		s.data = p.Data
		s.Mount = mountOf(p)
	}
	s.Template, s.templateFrom = filepath.Join(parent, templateFile), "../"+templateFile
	if _, err := os.Stat(s.Template); errors.Is(err, fs.ErrNotExist) {
		s.ownTemplate, s.Template, s.templateFrom = true, path.Join("files", templateFile), "IM2's "+templateFile
	}
	if _, err := s.readTemplate(); err != nil {
		return exit.Errorf(exit.Unusable, "making service %s from the template %s: %w", s.Name, s.templateName(), err)
	}
	return nil
}

// sharedFolder is the folder that contains all build contexts, or "modules" if there is no such folder.
func sharedFolder(p *project.Project) string {
	shared := ""
	for _, name := range p.Built() {
		context := p.Compose.Services[name].Build.Context
		rel := p.Rel(context)
		if rel == context || !strings.ContainsRune(rel, filepath.Separator) || shared != "" && shared != filepath.Dir(context) {
			return filepath.Join(p.Root, modules)
		}
		shared = filepath.Dir(context)
	}
	if shared == "" {
		return filepath.Join(p.Root, modules)
	}
	return shared
}

// plainMount is a mount point that needs no quotes in a Dockerfile.
var plainMount = regexp.MustCompile(`^/[\w./-]*\w$`)

func mountOf(p *project.Project) string {
	for _, name := range p.Services() {
		for _, v := range p.Compose.Services[name].Volumes {
			if v.Type == types.VolumeTypeBind && v.Source == p.Data && plainMount.MatchString(v.Target) {
				return v.Target
			}
		}
	}
	return templateData
}

func goModule(folder string) (root, path string) {
	for {
		text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if err == nil {
			return folder, modfile.ModulePath(text)
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", ""
		}
		folder = parent
	}
}

func (s *Service) clash(p *project.Project, set *composefile.Set) error {
	for _, services := range []types.Services{p.Compose.Services, p.Compose.DisabledServices} {
		for _, name := range slices.Sorted(maps.Keys(services)) {
			if strings.EqualFold(name, s.Name) {
				return exit.Errorf(exit.Unusable, "making service %s: there is a service %s already%s. Take another name, such as %s-2",
					s.Name, name, where(p, set, services[name]), s.Name)
			}
			if services[name].Image == p.Name()+"-"+s.Name {
				return exit.Errorf(exit.Unusable, "making service %s: service %s has the image %s, which would be the new one's. Take another name, such as %s-2",
					s.Name, name, services[name].Image, s.Name)
			}
		}
	}
	if _, err := os.Lstat(s.Folder); err == nil {
		return exit.Errorf(exit.Unusable, "making service %s: %s is there already, though no service is called so. "+
			"Take another name, such as %s-2, or move it away first", s.Name, p.Rel(s.Folder), s.Name)
	}
	return nil
}

func where(p *project.Project, set *composefile.Set, service types.ServiceConfig) string {
	text := ""
	if at, ok := set.Find(service.Name); ok {
		text = fmt.Sprintf(", at %s:%d", p.Rel(at.File.Path), at.Node().Line)
	}
	if len(service.Profiles) > 0 {
		text += fmt.Sprintf(" (profile %s)", strings.Join(service.Profiles, ", "))
	}
	return text
}

// enter computes the Compose file's new text. The entry goes into the first file that has services, else into
// the first one.
func (s *Service) enter(files []string) error {
	chosen := files[0]
	for _, path := range files {
		if text, err := os.ReadFile(path); err == nil && hasServices(path, text) {
			chosen = path
			break
		}
	}
	path, err := filepath.EvalSymlinks(chosen) // the file, not a link that leads to it
	if err == nil {
		s.Compose = path
		s.Before, err = os.ReadFile(path)
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "adding service %s to the Compose file: %w", s.Name, err)
	}
	if s.After, s.Line, err = add(s.Compose, s.Before, s); err != nil {
		return exit.Errorf(exit.Unusable, "adding service %s to %s: %w; nothing was made. Bring its services into the usual form, or make the service by hand: %s from %s, and this in the Compose file:\n%s",
			s.Name, s.Rel(s.Compose), err, s.Rel(s.Folder), s.templateName(), s.paste())
	}
	return nil
}

// Rel is a path as messages name it: relative to the project where it is inside of it.
func (s Service) Rel(path string) string { return (&project.Project{Root: s.root}).Rel(path) }

func (s Service) templateName() string {
	if s.ownTemplate {
		return s.templateFrom
	}
	return s.Rel(s.Template)
}

// Work is the file that the service's own work goes into, relative to the project.
func (s Service) Work() string {
	name := "main.go"
	if s.Kind == Shell {
		name = s.Name + ".sh"
	}
	return s.Rel(filepath.Join(s.Folder, name))
}

// confirm reads the project as it will be, and checks that only the new service was added.
func (s *Service) confirm(ctx context.Context, r Request, files []string, before *project.Project) error {
	after, err := examineWith(ctx, r, files, s.Compose, s.After)
	if errors.Is(err, errTry) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "adding service %s to %s: Compose could not read the file: %w; nothing was made. To add by hand:\n%s",
			s.Name, s.Rel(s.Compose), err, s.paste())
	}
	got := after.Services()
	want := append(before.Services(), s.Name)
	slices.Sort(want)
	if !slices.Equal(got, slices.Compact(want)) {
		return exit.Errorf(exit.Unusable, "adding service %s to %s: Compose would then see the services %q instead of %q; nothing was made. To add by hand:\n%s",
			s.Name, s.Rel(s.Compose), got, want, s.paste())
	}
	made := after.Compose.Services[s.Name]
	mounted := s.data == "" || slices.ContainsFunc(made.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Source == s.data })
	if made.Build == nil || made.Build.Context != s.Folder || !mounted {
		return exit.Errorf(exit.Unusable, "adding service %s to %s: Compose would not find %s, or not mount the data folder; nothing was made. To add by hand:\n%s",
			s.Name, s.Rel(s.Compose), s.Rel(s.Folder), s.paste())
	}
	return nil
}
