package project

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/exit"
)

func load(ctx context.Context, root string, s Settings) (*Project, error) {
	p, own, err := read(ctx, root, s)
	if err != nil {
		return nil, err
	}
	if err := p.Settings.checkIDs(p.Declared); err != nil {
		return nil, err
	}
	return p, p.placeData(own, p.Declared)
}

func read(ctx context.Context, root string, s Settings, how ...cli.ProjectOptionsFn) (*Project, extension, error) {
	var own extension
	compose, err := loadCompose(ctx, root, s, how...)
	if err != nil {
		return nil, own, err
	}
	own, declared, err := readExtension(compose)
	if err != nil {
		return nil, own, err
	}
	if own.UID != "" {
		s.UIDName = own.UID
	}
	if own.GID != "" {
		s.GIDName = own.GID
	}
	s.adopt(s.UIDName, s.GIDName)
	p := &Project{Root: root, Settings: s, Compose: compose, Declared: declared}
	if filepath.IsAbs(own.Go) {
		return nil, own, exit.Errorf(exit.Unusable, "x-im2: go %q must be relative to the project's folder", own.Go)
	}
	if own.Go != "" {
		p.GoModules = filepath.Join(root, own.Go)
	}
	return p, own, nil
}

func loadCompose(ctx context.Context, root string, s Settings, how ...cli.ProjectOptionsFn) (*types.Project, error) {
	env := types.NewMapping(s.Environ())
	if env["COMPOSE_FILE"] == "" && !hasComposeFile(root) {
		return nil, noComposeFile(root)
	}
	options, err := cli.NewProjectOptions(nil, append([]cli.ProjectOptionsFn{
		cli.WithWorkingDirectory(root),
		cli.WithEnv(s.Environ()),
		cli.WithConfigFileEnv,
		cli.WithDefaultConfigPath,
		cli.WithDefaultProfiles(),
		cli.WithResolvedPaths(true),
	}, how...)...)
	if err != nil {
		return nil, exit.Errorf(exit.Unusable, "reading the Compose file in %s: %w", root, err)
	}
	compose, err := options.LoadProject(ctx)
	if ctx.Err() != nil { // asked here, since the loader may not have
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, exit.Errorf(exit.Unusable, "reading the Compose file %s: %w. \"docker compose config\" shows it as Compose reads it",
			strings.Join(options.ConfigPaths, ", "), err)
	}
	return compose, nil
}

// hasComposeFile checks root alone: compose-go would also search the parent folders and take up another project.
func hasComposeFile(root string) bool {
	return slices.ContainsFunc(cli.DefaultFileNames, func(name string) bool {
		_, err := os.Stat(filepath.Join(root, name))
		return err == nil
	})
}

// adopt applies the process environment to variables that only the Compose file names.
func (s *Settings) adopt(names ...string) {
	for _, entry := range s.environ {
		name, value, _ := strings.Cut(entry, "=")
		if slices.Contains(names, name) {
			s.values[name] = Setting{Name: name, Value: value, Source: FromEnvironment}
		}
	}
}

func (p *Project) placeData(own extension, declared bool) error {
	if own.Data == "" {
		if !declared {
			return nil
		}
		own.Data = "pipeline-data"
	}
	for _, path := range append([]string{own.Data}, own.Folders...) {
		if filepath.IsAbs(path) {
			return exit.Errorf(exit.Unusable, "x-im2: %q must be relative: data to the project's folder, folders to the data folder", path)
		}
	}
	p.Data = filepath.Join(p.Root, own.Data)
	if p.Rel(p.Data) == p.Data || p.Data == p.Root {
		return exit.Errorf(exit.Unusable, "x-im2: data %q is not a folder below the project's folder %s", own.Data, p.Root)
	}
	folders := []string{p.Data}
	for _, name := range own.Folders {
		folder := filepath.Join(p.Data, name)
		if !Within(p.Data, folder) {
			return exit.Errorf(exit.Unusable, "x-im2: folder %q is not below the data folder %s", name, own.Data)
		}
		folders = append(folders, folder)
	}
	p.Folders = withParents(p.Data, append(folders, p.mountsBelow(p.Data)...))
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

func absolute(root string) (string, error) {
	abs, err := filepath.Abs(root)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", exit.Errorf(exit.Unusable, "no project folder %s", root)
	}
	if err != nil {
		return "", exit.Errorf(exit.Unusable, "resolving the project folder %s: %w", root, err)
	}
	return abs, nil
}

// Files returns the Compose files of the project in root that are on this machine, as
// Compose would choose them; later ones override earlier ones. They are not read.
func Files(root string, environ []string) ([]string, error) {
	root, err := absolute(root)
	if err != nil {
		return nil, err
	}
	settings, err := readSettings(Settings{
		UIDName: defaultUID, GIDName: defaultGID, root: root, values: defaults(environ), environ: environ, lenient: true,
	})
	if err != nil {
		return nil, err
	}
	if types.NewMapping(settings.Environ())["COMPOSE_FILE"] == "" && !hasComposeFile(root) {
		return nil, noComposeFile(root)
	}
	options, err := cli.NewProjectOptions(nil, cli.WithWorkingDirectory(root), cli.WithEnv(settings.Environ()),
		cli.WithConfigFileEnv, cli.WithDefaultConfigPath)
	if err != nil {
		return nil, exit.Errorf(exit.Unusable, "finding the Compose file in %s: %w", root, err)
	}
	var files []string
	for _, path := range options.ConfigPaths {
		if _, err := os.Stat(path); err == nil {
			files = append(files, path)
		}
	}
	if len(files) == 0 {
		return nil, exit.Errorf(exit.Unusable, "no Compose file of %s is on this machine (%s)", root, strings.Join(options.ConfigPaths, ", "))
	}
	return files, nil
}

func noComposeFile(root string) error {
	if exit.IsIM2() {
		return exit.Errorf(exit.Unusable, "no Compose file in %s or a folder above it; run im2 in a project", root)
	}
	return exit.Errorf(exit.Unusable,
		"no docker-compose.yml in %s: run mage in the project's folder, or \"git restore docker-compose.yml\"", root)
}
