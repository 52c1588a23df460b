package project

import (
	"encoding/csv"
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
	data := p.treeOf(in.path)
	if data == "" {
		return nil
	}
	return exit.Errorf(exit.Unusable, "reading %s %q: it is in the data folder %s, where services can change it; fix: move it to another folder",
		in.what, p.Rel(in.path), p.Rel(data))
}

// InData reports whether a path is below a data folder, also through links, so that services can change what it names.
func (p *Project) InData(path string) bool { return p.treeOf(path) != "" }

func (p *Project) treeOf(path string) string {
	for _, tree := range p.Trees {
		if Within(tree.Data, path) || Within(withoutLinks(tree.Data), resolved(path)) {
			return tree.Data
		}
	}
	return ""
}

// withoutLinks is a data folder without links on the way to it. One that is a link itself stays: it is no data folder, as the
// commands that use it say, and what it leads to is not changed by services.
func withoutLinks(data string) string {
	return filepath.Join(resolved(filepath.Dir(data)), filepath.Base(data))
}

// inputs are all files and folders that this project's Compose files and settings name to be read on this machine, also for
// what is of an inactive profile. testdata/fields.txt says which fields name some.
func (p *Project) inputs() []input {
	all := slices.Clone(p.taken)
	for _, name := range []Source{FromTeam, FromLocal} {
		all = append(all, input{"the settings", filepath.Join(p.Root, string(name))})
	}
	all = append(all, input{"the certificates", p.Settings.Get(CABundle).Value}, input{"the Go modules", p.GoModules})
	services, jobs := p.Compose.AllServices(), p.Compose.AllJobs()
	for _, name := range slices.Sorted(maps.Keys(services)) {
		s, of := services[name], "the service "+name
		all = append(all, p.ofContainer(of, s.ContainerSpec, s.Build)...)
		for _, hook := range s.PreStart {
			all = append(all, p.ofContainer("a pre_start command of "+of, hook.ContainerSpec, nil)...)
		}
		if s.Provider != nil && strings.ContainsRune(s.Provider.Type, filepath.Separator) {
			all = append(all, input{"the provider of " + of, s.Provider.Type})
		}
		if s.Develop != nil {
			for _, trigger := range s.Develop.Watch {
				all = append(all, input{"a watched path of " + of, trigger.Path})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		all = append(all, p.ofContainer("the job "+name, jobs[name].ContainerSpec, jobs[name].Build)...)
	}
	all = slices.DeleteFunc(all, func(in input) bool { return in.path == "" })
	for i, in := range all {
		all[i].path = joined(p.Root, in.path)
	}
	return all
}

// ofContainer are the inputs of a container and of its build, which may be nil.
func (p *Project) ofContainer(of string, spec types.ContainerSpec, build *types.BuildConfig) []input {
	all := variableFiles(of, spec)
	for _, option := range spec.SecurityOpt {
		// As Compose reads it: it takes a colon where there is no equals sign.
		name, profile, found := strings.Cut(option, "=")
		if !found {
			name, profile, _ = strings.Cut(option, ":")
		}
		if name == "seccomp" && profile != "unconfined" && profile != "builtin" {
			all = append(all, input{"a seccomp profile of " + of, profile})
		}
	}
	for _, c := range spec.Configs {
		all = append(all, input{"a config of " + of, p.Compose.Configs[c.Source].File})
	}
	for _, s := range spec.Secrets {
		all = append(all, input{"a secret of " + of, p.Compose.Secrets[s.Source].File})
	}
	if build == nil {
		return all
	}
	for _, s := range build.Secrets {
		all = append(all, input{"a secret of the build of " + of, p.Compose.Secrets[s.Source].File})
	}
	return append(all, ofBuild(of, build)...)
}

func ofBuild(of string, b *types.BuildConfig) []input {
	var all []input
	if context := local(b.Context); context != "" {
		dockerfile := joined(context, b.Dockerfile)
		all = append(all, input{"the build context of " + of, context}, input{"the Dockerfile of " + of, dockerfile},
			input{"a .dockerignore of " + of, filepath.Join(context, ".dockerignore")}, input{"a .dockerignore of " + of, dockerfile + ".dockerignore"})
	}
	for _, name := range slices.Sorted(maps.Keys(b.AdditionalContexts)) {
		all = append(all, input{"a build context of " + of, local(b.AdditionalContexts[name])})
	}
	for _, cache := range slices.Concat(b.CacheFrom, b.CacheTo) {
		for _, folder := range localCache(cache) {
			all = append(all, input{"a build cache of " + of, folder})
		}
	}
	for _, key := range b.SSH {
		for path := range strings.SplitSeq(key.Path, ",") {
			all = append(all, input{"an SSH key of " + of, path})
		}
	}
	return all
}

// local is the path of a build context; "" for one that is elsewhere. compose-go made paths absolute.
func local(context string) string {
	if layout, ok := strings.CutPrefix(context, "oci-layout://"); ok {
		layout, _, _ = strings.Cut(layout, "@")
		if tag := strings.LastIndexByte(layout, ':'); tag > strings.LastIndexByte(layout, '/') {
			layout = layout[:tag]
		}
		return layout
	}
	if filepath.IsAbs(context) {
		return context
	}
	return ""
}

// localCache are the folders of a build cache, as Buildx reads its name=value pairs; none of one that is elsewhere.
func localCache(cache string) []string {
	fields, err := csv.NewReader(strings.NewReader(cache)).Read()
	if err != nil {
		return nil // Buildx refuses it
	}
	values := make(map[string]string)
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		values[strings.ToLower(name)] = value
	}
	if values["type"] != "local" {
		return nil
	}
	return []string{values["src"], values["dest"]}
}

// variableFiles are the files with variables and labels of a container.
func variableFiles(of string, spec types.ContainerSpec) []input {
	var all []input
	for _, file := range spec.EnvFiles {
		all = append(all, input{"an env_file of " + of, file.Path})
	}
	for _, file := range spec.LabelFiles {
		all = append(all, input{"a label_file of " + of, file})
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
