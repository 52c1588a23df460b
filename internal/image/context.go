package image

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"

	"github.com/im2-audio/im2/internal/dockerfile"
	"github.com/im2-audio/im2/internal/exit"
)

// checkContext looks at what a build copies out of its context: nothing in it may be
// unreadable, or something that an image cannot hold. BuildKit would fail at the first
// one late, and make an empty file of the second in silence. What is not copied does not
// count: a project's folder may well hold a database's closed one, or Git's socket.
func (b Builder) checkContext(ctx context.Context, name string, file *dockerfile.File) error {
	build := b.Project.Compose.Services[name].Build
	copied := copiedPaths(file, build)
	if len(copied) == 0 {
		return nil
	}
	ignored, ignoreFile, err := ignoreRules(build)
	if err != nil {
		return exit.Errorf(exit.Unusable, "building %s: reading %s: %w", name, ignoreFile, reason(err))
	}
	tree, err := contextFiles(build.Context, copied, ignored)
	if err != nil {
		return exit.Errorf(exit.Unusable, "building %s: reading its context %s: %w; see %s", name, build.Context, err, ignoreFile)
	}
	err = tree.Walk(ctx, "", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return usable(filepath.Join(build.Context, path))
	})
	var at *fs.PathError
	if errors.As(err, &at) {
		return exit.Errorf(exit.Unusable, "building %s: copying %s: %w; mend or remove that, or name it in %s", name, at.Path, at.Err, ignoreFile)
	}
	return err
}

// usable reports what keeps a file out of an image, as a *fs.PathError. The walk itself
// says nothing of sockets: to BuildKit they are empty files.
func usable(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone meanwhile
	}
	if err != nil {
		return err
	}
	switch kind := info.Mode(); {
	case kind&fs.ModeSocket != 0:
		err = errors.New("it is a socket, which an image cannot hold")
	case kind&fs.ModeNamedPipe != 0:
		err = errors.New("it is a named pipe, which an image cannot hold")
	case kind&fs.ModeDevice != 0:
		err = errors.New("it is a device, which an image cannot hold")
	case !kind.IsRegular() || os.Geteuid() == 0: // root may read everything
		return nil
	default:
		return readable(path)
	}
	return &fs.PathError{Op: "copy", Path: path, Err: err}
}

func readable(path string) error {
	file, err := os.Open(path) //nolint:gosec // in the project's own context
	if err != nil {
		return err
	}
	return file.Close()
}

// contextFiles are the files that BuildKit asks for: those that are copied and not
// ignored, found with the walk that it is sent them with.
func contextFiles(root string, copied, ignored []string) (fsutil.FS, error) {
	tree, err := fsutil.NewFS(root)
	if err != nil {
		return nil, err
	}
	filter := &fsutil.FilterOpt{ExcludePatterns: ignored}
	if !slices.Contains(copied, ".") {
		filter.FollowPaths = copied
	}
	return fsutil.NewFilterFS(tree, filter)
}

// ignoreRules are the rules of the ignore file in force, and that file: the Dockerfile's
// own, NAME.dockerignore, wins over the context's.
func ignoreRules(build *types.BuildConfig) (rules []string, path string, err error) {
	path = filepath.Join(build.Context, ".dockerignore")
	if own := dockerfilePath(build) + ".dockerignore"; build.DockerfileInline == "" {
		if _, err := os.Stat(own); err == nil {
			path = own
		}
	}
	text, err := os.ReadFile(path) //nolint:gosec // in the project's own context
	if errors.Is(err, fs.ErrNotExist) {
		return nil, path, nil
	}
	if err == nil {
		rules, err = ignorefile.ReadAll(bytes.NewReader(text))
	}
	return rules, path, err
}

// copiedPaths are the sources in the context, relative to it and with their wildcards,
// that the stages of a build take: "." for all of it. Those with variables are left out.
func copiedPaths(file *dockerfile.File, build *types.BuildConfig) []string {
	resolved, err := file.Resolve(dockerfile.Build{Target: build.Target, Args: arguments(build)})
	if err != nil {
		return nil // BuildKit knows the base image, and may well see no error
	}
	var paths []string
	for _, stage := range resolved.Stages {
		for _, command := range file.Stages[stage].Commands {
			for _, source := range sources(command) {
				if strings.Contains(source, "://") || strings.ContainsRune(source, '$') {
					continue
				}
				paths = append(paths, filepath.Clean("."+string(filepath.Separator)+filepath.FromSlash(source)))
			}
		}
	}
	return paths
}

// sources are what an instruction takes out of the context.
func sources(command instructions.Command) []string {
	switch c := command.(type) {
	case *instructions.CopyCommand:
		if c.From == "" {
			return c.SourcePaths
		}
	case *instructions.AddCommand:
		return c.SourcePaths
	case *instructions.RunCommand:
		var paths []string
		for _, mount := range instructions.GetMounts(c) {
			if mount.Type == instructions.MountTypeBind && mount.From == "" {
				paths = append(paths, "./"+mount.Source)
			}
		}
		return paths
	}
	return nil
}

// arguments are a build's arguments that have a value in the Compose file.
func arguments(build *types.BuildConfig) map[string]string {
	args := make(map[string]string)
	for name, value := range build.Args {
		if value != nil {
			args[name] = *value
		}
	}
	return args
}
