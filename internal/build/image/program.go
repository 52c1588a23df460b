package image

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/filestate"
	"github.com/im2-audio/im2/internal/run"
)

// outdated returns why a program would be compiled; "" if it would not.
func (b Builder) outdated(p program) string {
	why := b.watch(p.out()).Changed(madeBy(b.compiler(p)))
	if why == filestate.Unnoted {
		why = b.newer(p.out())
	}
	return why
}

// newer returns which Go file is newer than the program, "" for none. Nothing more is known of a program that
// was compiled so soon after a change that no record was kept.
func (b Builder) newer(out string) string {
	program, err := os.Stat(out)
	if err != nil {
		return "it is missing"
	}
	found := ""
	_ = filepath.WalkDir(b.Project.GoModules, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return nil //nolint:nilerr // the compiler will say what is wrong with it
		}
		if info, err := entry.Info(); err == nil && info.ModTime().After(program.ModTime()) {
			found = b.Project.Rel(path) + " is newer"
			return filepath.SkipAll
		}
		return nil
	})
	return found
}

func (b Builder) watch(out string) filestate.Watch {
	folder := b.Remembered("programs")
	if folder == "" {
		return filestate.Watch{}
	}
	name := strings.ReplaceAll(b.Project.Rel(out), string(filepath.Separator), "-")
	return filestate.Watch{Path: filepath.Join(folder, name+".json"), Base: b.Project.Root}
}

// madeBy returns what decides the compiler's result beside files: the compiler, its arguments, and Go's
// variables. Of PATH only the compiler found by it counts: "go tool" and "go run" put a folder in front of it.
func madeBy(compiler run.Cmd) []string {
	path, err := run.Find(compiler.Name)
	if err != nil {
		path = err.Error() // the compilation will say so
	}
	env := []string{"compiler=" + path}
	for _, entry := range compiler.Env {
		if strings.HasPrefix(entry, "GO") || strings.HasPrefix(entry, "CGO") {
			env = append(env, entry)
		}
	}
	slices.Sort(env)
	return append(env, compiler.Args...)
}

// listed is the part of "go list -json" that is read.
type listed struct {
	Dir        string
	Standard   bool
	EmbedFiles []string
	Module     *struct {
		Main    bool
		Dir     string
		GoMod   string
		Replace *struct{ Version string }
	}
}

// sources lists what a program is compiled from and can change: the folders of its packages, embedded files, and
// the module files. What comes from the module cache is fixed by its checksum in go.sum.
func (b Builder) sources(ctx context.Context, c run.Cmd) (folders, files []string, err error) {
	c.Args = []string{"list", "-deps", "-json=Dir,Standard,EmbedFiles,Module", "."}
	out, err := run.Output(ctx, b.Runner, c)
	if err != nil {
		return nil, nil, err
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for decoder.More() {
		var p listed
		if err := decoder.Decode(&p); err != nil {
			return nil, nil, err
		}
		if p.Standard || p.Module == nil || !p.Module.Main && (p.Module.Replace == nil || p.Module.Replace.Version != "") {
			continue
		}
		folders = append(folders, p.Dir)
		for _, name := range p.EmbedFiles {
			folders = append(folders, filepath.Dir(filepath.Join(p.Dir, name)))
		}
		files = append(files, moduleFiles(p.Module.Dir)...)
	}
	if goBinary, err := run.Find("go"); err == nil {
		files = append(files, goBinary)
	}
	slices.Sort(folders)
	slices.Sort(files)
	return slices.Compact(folders), slices.Compact(files), nil
}

func moduleFiles(dir string) []string {
	files := []string{filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum"), filepath.Join(dir, "vendor", "modules.txt")}
	for {
		files = append(files, filepath.Join(dir, "go.work"), filepath.Join(dir, "go.work.sum"))
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	if config, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(config, "go", "env")) // go help env: "go env -w" writes it
	}
	return files
}

func (b Builder) remember(ctx context.Context, began time.Time, out string, c run.Cmd) error {
	w := b.watch(out)
	if w.Path == "" {
		return nil
	}
	folders, files, err := b.sources(ctx, c)
	if err != nil {
		return err
	}
	return w.Record(began, madeBy(c), folders, files, out)
}
