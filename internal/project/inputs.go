package project

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/exit"
)

// theComposeFile is what messages call a file that COMPOSE_FILE names, or is found.
const theComposeFile = "the Compose file"

// input is a file or folder that this machine reads to run or build the project.
type input struct{ what, path string }

// refuseInputs returns an error where an input is below the data folder, also through links: services can change it, or exchange it
// for a link, and would decide what is read, built and run on this machine.
func (p *Project) refuseInputs() error {
	for _, in := range p.inputs() {
		if err := p.refuse(in); err != nil {
			return err
		}
	}
	return nil
}

func (p *Project) refuse(in input) error {
	if p.Data == "" || !Within(p.Data, in.path) && !Within(resolved(p.Data), resolved(in.path)) {
		return nil
	}
	return exit.Errorf(exit.Unusable, "reading %s %q: it is in the data folder %s, where services can change it; fix: move it to another folder",
		in.what, p.Rel(in.path), p.Rel(p.Data))
}

func (p *Project) inputs() []input {
	all := slices.Clone(p.taken)
	for _, name := range []Source{FromTeam, FromLocal} {
		all = append(all, input{"the settings", filepath.Join(p.Root, string(name))})
	}
	for _, name := range p.Services() {
		s, of := p.Compose.Services[name], " of the service "+name
		all = append(all, variableFiles(name, s)...)
		if s.Provider != nil && strings.ContainsRune(s.Provider.Type, filepath.Separator) {
			program := s.Provider.Type
			if !filepath.IsAbs(program) {
				program = filepath.Join(p.Root, program)
			}
			all = append(all, input{"the provider" + of, program})
		}
		if b := s.Build; b != nil {
			dockerfile := b.Dockerfile
			if !filepath.IsAbs(dockerfile) {
				dockerfile = filepath.Join(b.Context, dockerfile)
			}
			all = append(all, input{"the build context" + of, b.Context}, input{"the Dockerfile" + of, dockerfile})
			for _, key := range slices.Sorted(maps.Keys(b.AdditionalContexts)) {
				all = append(all, input{"a build context" + of, b.AdditionalContexts[key]})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Compose.Secrets)) {
		all = append(all, input{"the secret", p.Compose.Secrets[name].File})
	}
	for _, name := range slices.Sorted(maps.Keys(p.Compose.Configs)) {
		all = append(all, input{"the config", p.Compose.Configs[name].File})
	}
	return slices.DeleteFunc(all, func(in input) bool { return !filepath.IsAbs(in.path) }) // an address, or nothing
}

// variableFiles are the files with variables and labels of a service and of its pre_start commands.
func variableFiles(name string, s types.ServiceConfig) []input {
	var all []input
	add := func(spec types.ContainerSpec, of string) {
		for _, file := range spec.EnvFiles {
			all = append(all, input{"an env_file of " + of, file.Path})
		}
		for _, file := range spec.LabelFiles {
			all = append(all, input{"a label_file of " + of, file})
		}
	}
	add(s.ContainerSpec, "the service "+name)
	for _, hook := range s.PreStart {
		add(hook.ContainerSpec, "a pre_start command of the service "+name)
	}
	return all
}

// resolved returns a path without links, also of what is not there so far.
func resolved(path string) string {
	for range 40 { // as many links as Linux follows
		if target, err := filepath.EvalSymlinks(path); err == nil {
			return target
		}
		folder := filepath.Dir(path)
		if folder == path {
			break
		}
		folder = resolved(folder)
		target, err := os.Readlink(path)
		if err != nil {
			return filepath.Join(folder, filepath.Base(path))
		}
		path = joined(folder, target)
	}
	return path
}
