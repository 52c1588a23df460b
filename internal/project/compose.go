package project

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/pipeline/place"
)

// reading is how a project's files are read.
type reading struct {
	substitute func(string, template.Mapping) (string, error)
	// audit says that it is to be judged, not run: what is in the data folder is read, too.
	audit   bool
	options []cli.ProjectOptionsFn
}

func read(ctx context.Context, s Settings, how reading) (*Project, error) {
	p := &Project{Root: s.root}
	if err := p.load(ctx, s, how); err != nil {
		return nil, err
	}
	if err := p.readExtension(); err != nil {
		return nil, err
	}
	s.UIDName, s.GIDName = cmp.Or(p.own.UID, s.UIDName), cmp.Or(p.own.GID, s.GIDName)
	s.adopt(s.UIDName, s.GIDName)
	p.Settings = s
	p.placeWeb()
	if filepath.IsAbs(p.own.Go) {
		return nil, exit.Errorf(exit.Unusable, "x-im2: go %q must be relative to the project's folder", p.own.Go)
	}
	if p.own.Go != "" {
		p.GoModules = filepath.Join(s.root, p.own.Go)
	}
	return p, nil
}

// load reads the Compose files and what they take in, each of them once it is known to be a file that may be read.
func (p *Project) load(ctx context.Context, s Settings, how reading) error {
	how.options = append(slices.Clone(how.options), cli.WithDefaultProfiles(), cli.WithResolvedPaths(true))
	options, err := s.compose(how.options...)
	if err == nil {
		p.taken, err = s.takenIn(ctx, options.ConfigPaths, how)
	}
	if err != nil {
		return err
	}
	p.Compose, err = unlessInterrupted(ctx, func() (*types.Project, error) { return options.LoadProject(ctx) })
	return loadError(ctx, options, err)
}

func loadError(ctx context.Context, options *cli.ProjectOptions, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return exit.Errorf(exit.Unusable, "reading the Compose file %s: %w. \"docker compose config\" shows it as Compose reads it",
		strings.Join(options.ConfigPaths, ", "), err)
}

// takenIn returns the files that compose-go is going to read. The error says which of them must not be read, or why
// compose-go could not read the Compose files.
func (s Settings) takenIn(ctx context.Context, files []string, how reading) ([]input, error) {
	r := references{interrupted: ctx.Err, audit: how.audit, substitute: how.substitute, refuse: func(input) error { return nil }, parsed: make(map[string][]document), seen: make(map[string]bool), needs: make(map[string][]string)}
	for _, path := range files {
		if path == "-" {
			return nil, exit.Errorf(exit.Unusable, "reading the Compose file \"-\": standard input can be read only once; fix: write it to a file")
		}
		if _, err := r.admit(theComposeFile, path); err != nil {
			return nil, err
		}
	}
	var broken error
	for _, path := range files {
		_, err := r.read(theComposeFile, path)
		broken = cmp.Or(broken, err)
	}
	if !r.others && broken == nil {
		return r.found, r.checkWays(types.NewMapping(s.Environ()))
	}
	if r.extended > maxExtends || r.audit && r.values > maxValues {
		return nil, broken
	}
	// Without other files, compose-go says what is wrong with these, and where the data folder is.
	options, err := s.compose(append(slices.Clone(how.options), cli.WithConsistency(false), cli.WithLoadOptions(func(o *loader.Options) { o.SkipInclude, o.SkipExtends = true, true }))...)
	if err != nil {
		return nil, err
	}
	model, err := unlessInterrupted(ctx, func() (*types.Project, error) { return options.LoadProject(ctx) })
	if err = loadError(ctx, options, err); err == nil {
		err = broken
	}
	if err != nil {
		return nil, err
	}
	early := &Project{Root: s.root, Compose: model}
	if err := early.readExtension(); err != nil {
		return nil, err
	}
	if early.Declared && !how.audit {
		for _, data := range dataOf(early.own) {
			early.Trees = append(early.Trees, Tree{Data: filepath.Join(s.root, data)})
		}
		r.refuse = early.refuse
	}
	for _, path := range files {
		if err := r.follow(theComposeFile, path, newScope(s.root, s.root, options.Environment)); err != nil {
			return nil, err
		}
	}
	return r.found, r.checkWays(options.Environment)
}

// unlessInterrupted waits for a function that may be stuck in a file that was exchanged, or until ctx ends. A panic of
// compose-go is an error.
func unlessInterrupted[T any](ctx context.Context, f func() (T, error)) (value T, err error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if what := recover(); what != nil {
				r.err = fmt.Errorf("compose-go cannot read it: %v", what)
			}
			done <- r
		}()
		r.value, r.err = f()
	}()
	select {
	case <-ctx.Done():
		return value, ctx.Err()
	case r := <-done:
		return r.value, r.err
	}
}

// resolve reads the files with variables and labels that services name. In a project without a known data folder, they may be
// where services can exchange them for what has no end.
func (p *Project) resolve(ctx context.Context) error {
	for _, name := range p.Services() {
		s := p.Compose.Services[name]
		all := variableFiles("the service "+name, s.ContainerSpec)
		for _, hook := range s.PreStart {
			all = append(all, variableFiles("a pre_start command of the service "+name, hook.ContainerSpec)...)
		}
		sizes := make(map[string]int)
		for _, in := range all {
			if err := run.Readable(in.path); err != nil {
				return unreadableInput(in.what, err)
			}
			if text, err := run.ReadFile(in.path); err == nil {
				if err := checkGrowth(in.path, text, sizes, p.Compose.Environment.Resolve); err != nil {
					return err
				}
			}
		}
	}
	compose, err := unlessInterrupted(ctx, func() (*types.Project, error) {
		compose, err := p.Compose.WithServicesEnvironmentResolved(false)
		if err != nil {
			return nil, err
		}
		return compose.WithServicesLabelsResolved(false)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return exit.Errorf(exit.Unusable, "reading the Compose file %s: %w", strings.Join(p.Compose.ComposeFiles, ", "), err)
	}
	p.Compose = compose
	return nil
}

// compose returns the options with which compose-go finds the Compose files of the project, and reads them.
func (s Settings) compose(how ...cli.ProjectOptionsFn) (*cli.ProjectOptions, error) {
	env := s.Environ()
	if run.Getenv(env, composeFile) == "" && !hasComposeFile(s.root) {
		return nil, noComposeFile(s.root)
	}
	options, err := cli.NewProjectOptions(s.present, append([]cli.ProjectOptionsFn{
		cli.WithWorkingDirectory(s.root), cli.WithEnv(env), cli.WithConfigFileEnv, cli.WithDefaultConfigPath,
	}, how...)...)
	if err != nil {
		return nil, exit.Errorf(exit.Unusable, "reading the Compose file in %s: %w", s.root, err)
	}
	return options, nil
}

func (p *Project) placeData() error {
	if !p.Declared {
		return nil
	}
	all := dataOf(p.own)
	for _, path := range slices.Concat(all, p.own.Folders) {
		if filepath.IsAbs(path) {
			return exit.Errorf(exit.Unusable, "x-im2: %q must be relative: data to the project's folder, folders to the data folder", path)
		}
	}
	for i, name := range all {
		data := filepath.Join(p.Root, name)
		if p.Rel(data) == data || data == p.Root {
			return exit.Errorf(exit.Unusable, "x-im2: data %q is not a folder below the project's folder %s", name, p.Root)
		}
		for _, other := range p.Trees {
			if Within(other.Data, data) || Within(data, other.Data) {
				return exit.Errorf(exit.Unusable, "x-im2: data %q and %q are in one another; fix: name the outer one alone", p.Rel(other.Data), name)
			}
		}
		folders := []string{data}
		if i == 0 {
			for _, folder := range p.own.Folders {
				folders = append(folders, filepath.Join(data, folder))
				if !Within(data, filepath.Join(data, folder)) {
					return exit.Errorf(exit.Unusable, "x-im2: folder %q is not below the data folder %s", folder, name)
				}
			}
		}
		p.Trees = append(p.Trees, Tree{data, withParents(data, append(folders, p.mountsBelow(data)...))})
	}
	p.Data, p.Folders = p.Trees[0].Data, p.Trees[0].Folders
	return p.placeVolumes()
}

func (p *Project) placeVolumes() error {
	for _, name := range p.own.Volumes {
		volume, ok := p.Compose.Volumes[name]
		if !ok {
			return exit.Errorf(exit.Unusable, "x-im2: the Compose file declares no volume %q, but %s; fix: correct it, or declare it under \"volumes\"",
				name, cmp.Or(safetext.List(slices.Sorted(maps.Keys(p.Compose.Volumes)), 5, ", "), "none"))
		}
		p.Volumes = append(p.Volumes, volume.Name)
	}
	return nil
}

func (p *Project) mountsBelow(folder string) []string {
	var sources []string
	for _, name := range p.Services() {
		for _, v := range p.Compose.Services[name].Volumes {
			if v.Type == types.VolumeTypeBind && Within(folder, v.Source) {
				sources = append(sources, v.Source)
			}
		}
	}
	return sources
}

// covered returns what is mounted in place of a folder of the data folder: in which service, and where. Neither the host nor
// the other services see what is put there. Both are "" where nothing is. The folder itself may be mounted there in a service that
// else only reads: that one moves nothing.
func (p *Project) covered() (service, target string) {
	for _, name := range p.Services() {
		service := p.Compose.Services[name]
		volumes := service.Volumes
		i := slices.IndexFunc(volumes, func(v types.ServiceVolumeConfig) bool { return v.Type == types.VolumeTypeBind && v.Source == p.Data })
		if i < 0 || p.Data == "" {
			continue
		}
		var targets []string
		for _, v := range volumes {
			rel, err := filepath.Rel(volumes[i].Target, v.Target)
			if err != nil || !volumes[i].ReadOnly || v.Type != types.VolumeTypeBind || v.Source != filepath.Join(p.Data, rel) {
				targets = append(targets, v.Target)
			}
		}
		for _, mount := range service.Tmpfs {
			target, _, _ := strings.Cut(mount, ":")
			targets = append(targets, target)
		}
		for _, target := range targets {
			rel, err := filepath.Rel(volumes[i].Target, target)
			if err == nil && rel != "." && slices.Contains(p.Folders, filepath.Join(p.Data, rel)) {
				return name, target
			}
		}
	}
	return "", ""
}

// Divided says why files cannot be renamed from one of the data folder's folders to another, and what is to be done; "" where
// nothing is known that keeps them from it.
func (p *Project) Divided() (problem string, fix exit.Fix) {
	if service, target := p.covered(); service != "" {
		return fmt.Sprintf("%s mounts something else at %s: what is put into the data folder does not arrive there", service, target),
			exit.Fix{Note: "remove that mount from the Compose file"}
	}
	var folders []string
	for _, path := range p.Folders {
		if rel, inside := Inside(p.Data, path); inside {
			folders = append(folders, rel)
		}
	}
	if name := place.MountIn(p.Data, folders...); name != "" {
		path := p.Rel(filepath.Join(p.Data, name))
		return path + " is a mount of its own: files cannot be moved to it from the other folders", exit.Fix{Type: "sudo umount " + exit.Word(path)}
	}
	return "", exit.Fix{}
}

// withParents adds the folders between root and each path, parents first, without repeats.
func withParents(root string, paths []string) []string {
	var all []string
	for _, path := range paths {
		for ; Within(root, path); path = filepath.Dir(path) {
			all = append(all, path)
			if path == root {
				break
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Inside returns path relative to folder, and whether it is the folder or below it. Links are not
// followed.
func Inside(folder, path string) (string, bool) {
	rel, err := filepath.Rel(folder, path)
	return rel, err == nil && filepath.IsLocal(rel)
}

// Within is Inside for conditions.
func Within(folder, path string) bool {
	_, is := Inside(folder, path)
	return is
}
