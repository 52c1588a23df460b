package project

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/paths"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4" // compose-go's: what is one file here must be the same file there

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
)

// included is what messages call a file of include.
const included = "the included Compose file"

const (
	// maxReferences is how many files Compose files may include, counted again for each environment and folder that they
	// are included with.
	maxReferences = 1000
	// maxExtends is how many services of all Compose files may extend another one: a chain of them takes memory that
	// grows faster than the file, in Compose as here.
	maxExtends = 5000
	// maxVariablesSize is how many bytes the variables of all files of include have, counted again for each: each has a copy
	// of those of the file that includes it.
	maxVariablesSize = 64 << 20
)

// references are the files that Compose files take in: by include, its env_file, and extends. compose-go opens them
// wherever they are, waits for a FIFO and reads a device without an end. So each is checked here first; what a path is
// relative to follows compose-go's rules.
type references struct {
	substitute  func(string, template.Mapping) (string, error)
	interrupted func() error
	// refuse returns an error for a file that must not be read.
	refuse func(input) error

	audit    bool // whether remote files are left out, instead of refused
	found    []input
	parsed   map[string][]document
	seen     map[string]bool     // what include took in
	needs    map[string][]string // what services and jobs depend on
	size     int                 // of all files, in bytes
	varsSize int                 // of what include was given as variables, in bytes
	values   int
	extended int  // services that extend another one
	others   bool // whether any file takes in another one
}

// document is what a YAML document of a Compose file takes in: its keys are include, and services and jobs with extends
// alone.
type document = map[string]any

// scope is where a Compose file is taken in.
type scope struct {
	// folder is what include and extends are relative to, working the same for env_file and project_directory.
	// compose-go makes the second relative to that of the including file, and then takes it from the process's own.
	folder, working string
	env             types.Mapping
	expanded        map[string][]document
	extended        map[string]bool
}

func newScope(folder, working string, env types.Mapping) scope {
	return scope{folder, working, env, make(map[string][]document), make(map[string]bool)}
}

// admit notes a file and returns its absolute path. The error says why it must not be read. Of what is not there is none.
func (r *references) admit(what, path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", unreadableInput(what, err)
	}
	in := input{what, path}
	if !slices.Contains(r.found, in) {
		r.found = append(r.found, in)
	}
	if err := r.refuse(in); err != nil {
		return "", err
	}
	if err := run.Readable(path); err != nil {
		return "", unreadableInput(what, err)
	}
	return path, nil
}

func unreadableInput(what string, err error) error {
	return exit.Errorf(exit.Unusable, "reading %s: %w", what, err)
}

// read parses a Compose file, once. Of one that is not there it returns nothing: compose-go says that.
func (r *references) read(what, path string) ([]document, error) {
	path, err := r.admit(what, path)
	if err != nil {
		return nil, err
	}
	if all, ok := r.parsed[path]; ok {
		return all, nil
	}
	text, err := run.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unreadableInput(what, err)
	}
	if r.size += len(text); r.size > run.MostFile {
		return nil, exit.Errorf(exit.Unusable, "reading %s %s: with it, the Compose files have more than %d MiB", what, path, run.MostFile>>20)
	}
	tooMany := exit.Errorf(exit.Unusable, "reading %s %s: with it, the Compose files have more than the %d values that are audited; fix: part the project", what, path, maxValues)
	if r.audit && len(text) > maxValues { // a value takes a byte at least
		if n := valuesOfText(text); n > maxValues {
			r.values += n
			return nil, tooMany
		}
	}
	var all []document
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var raw any
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, exit.Errorf(exit.Unusable, "reading %s %s: %w", what, path, err)
		}
		if r.values += values(raw); r.audit && r.values > maxValues {
			return nil, tooMany
		}
		all = append(all, r.reduce(mapping(raw)))
	}
	if r.extended > maxExtends {
		return nil, exit.Errorf(exit.Unusable, "reading %s: %d services with \"extends\" are more than the %d that are read; write out what the services share with an anchor (\"<<: *name\"), or part the file",
			path, r.extended, maxExtends)
	}
	r.parsed[path] = all
	return all, nil
}

func (r *references) reduce(raw map[string]any) document {
	d := make(document)
	if include := raw["include"]; include != nil {
		d["include"], r.others = include, true
	}
	for _, section := range []string{"services", "jobs"} {
		extends := make(map[string]any)
		for name, s := range mapping(raw[section]) {
			r.dependencies(name, mapping(s))
			if e := mapping(s)["extends"]; e != nil {
				extends[name] = e
				r.others = r.others || mapping(e)["file"] != nil
			}
		}
		if len(extends) > 0 {
			d[section] = extends
			r.extended += len(extends)
		}
	}
	return d
}

// expand is read with the variables of a scope.
func (r *references) expand(what, path string, at scope) ([]document, error) {
	if all, ok := at.expanded[path]; ok {
		return all, nil
	}
	all, err := r.read(what, path)
	if err != nil {
		return nil, err
	}
	options := interpolation.Options{Substitute: r.substitute, LookupValue: at.env.Resolve}
	expanded := make([]document, len(all))
	for i, d := range all {
		if expanded[i], err = interpolation.Interpolate(d, options); err != nil {
			return nil, exit.Errorf(exit.Unusable, "reading %s %s: %w", what, path, err)
		}
	}
	at.expanded[path] = expanded
	return expanded, nil
}

// follow checks what a Compose file takes in.
func (r *references) follow(what, path string, at scope) error {
	all, err := r.expand(what, path, at)
	if err != nil {
		return err
	}
	for _, d := range all {
		var includes []types.IncludeConfig
		list, _ := d["include"].([]any)
		for i, entry := range list {
			if path, ok := entry.(string); ok {
				list[i] = document{"path": path}
			}
		}
		if err := loader.Transform(list, &includes); err != nil {
			return exit.Errorf(exit.Unusable, "reading include in %s: %w", path, err)
		}
		for _, i := range includes {
			if err := r.include(i, at); err != nil {
				return err
			}
		}
		for _, section := range []string{"services", "jobs"} {
			for name := range mapping(d[section]) {
				if err := r.extend(path, section, name, at, at.folder, false); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// include checks what an entry of include names.
func (r *references) include(i types.IncludeConfig, at scope) error {
	if len(i.Path) == 0 {
		return nil
	}
	first := i.Path[0]
	for n, path := range i.Path {
		if remoteFile(path) {
			if !r.audit {
				return refuseRemote(path)
			}
			path = filepath.Join(os.TempDir(), "im2-", "compose.yml") // what elsewhere makes, beside which there is nothing
		}
		i.Path[n] = joined(at.folder, path)
		if _, err := r.admit(included, i.Path[n]); err != nil {
			return err
		}
	}
	folder, working := filepath.Dir(i.Path[0]), relative(at.folder, folderOf(i.Path[0]))
	switch given := i.ProjectDirectory; {
	case filepath.IsAbs(given):
		folder, working = given, given
	case given != "":
		folder, working = filepath.Join(at.working, given), relative(at.folder, folderOf(joined(at.folder, given)))
	}
	if remoteFile(first) {
		working = folder // as compose-go has it then
	}
	env, err := r.environment(i, at, folder)
	if err == nil {
		err = r.interrupted()
	}
	if err != nil {
		return err
	}
	for name, value := range env {
		r.varsSize += len(name) + len(value)
	}
	if r.varsSize > maxVariablesSize {
		return exit.Errorf(exit.Unusable, "reading the Compose files: the variables of all that they include have more than %d MiB; fix: leave out of env_file what is not needed", maxVariablesSize>>20)
	}
	key := digest(i.Path, folder, working, env)
	if r.seen[key] {
		return nil
	}
	if r.seen[key] = true; len(r.seen) > maxReferences {
		return exit.Errorf(exit.Unusable, "reading the Compose files: they include more than %d others", maxReferences)
	}
	next := newScope(folder, working, env)
	for _, path := range i.Path {
		if err := r.follow(included, path, next); err != nil {
			return err
		}
	}
	return nil
}

// digest stands for what is included from where and with which variables, in few bytes: they may be many megabytes.
func digest(paths []string, folder, working string, env types.Mapping) string {
	sum := sha256.New()
	sum.Write(fmt.Appendf(nil, "%q", append(paths, folder, working)))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		sum.Write(fmt.Appendf(nil, "%d %s%d ", len(name), name, len(env[name])))
		_, _ = io.WriteString(sum, env[name])
	}
	return string(sum.Sum(nil))
}

// environment returns the variables of what is included, with folder as its project_directory.
func (r *references) environment(i types.IncludeConfig, at scope, folder string) (types.Mapping, error) {
	const what = "an env_file of an include"
	var files []string
	if len(i.EnvFile) == 0 {
		standard := filepath.Join(folder, TeamFile)
		if info, err := os.Stat(standard); err == nil && !info.IsDir() {
			files = []string{standard}
		} else if _, err := r.admit(what, standard); err != nil && !errors.Is(err, syscall.EISDIR) {
			return nil, err // services could put it there
		}
	}
	for _, path := range i.EnvFile {
		if path != "/dev/null" {
			files = append(files, joined(at.working, path))
		}
	}
	for n, path := range files {
		var err error
		if files[n], err = r.admit(what, path); err != nil {
			return nil, err
		}
	}
	sizes := make(map[string]int)
	for _, path := range files {
		text, err := run.ReadFile(path)
		if err == nil {
			err = checkGrowth(path, text, sizes, at.env.Resolve)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // compose-go says what is not there
			return nil, unreadableInput(what, err)
		}
	}
	added, err := dotenv.GetEnvFromFile(at.env, files)
	if err != nil {
		return nil, unreadableInput(what, err)
	}
	return at.env.Clone().Merge(added), nil
}

// extend checks the files that a service of a file extends, one behind the other. folder is what its extends is relative
// to; taken says that the file was itself taken in by extends.
func (r *references) extend(path, section, name string, at scope, folder string, taken bool) error {
	key := fmt.Sprintf("%q", []string{path, section, name, folder})
	if at.extended[key] {
		return nil
	}
	at.extended[key] = true
	for _, d := range at.expanded[path] {
		extends := mapping(d[section])[name]
		if extends == nil {
			continue
		}
		service, _ := extends.(string)
		next, section, folder, taken := path, section, folder, taken
		if entry := mapping(extends); entry != nil {
			service, _ = entry["service"].(string)
			if file, _ := entry["file"].(string); file != "" {
				if taken {
					file = paths.ExpandUser(file) // compose-go does only there
				}
				next = joined(folder, file)
				section, folder, taken = "services", filepath.Dir(next), true
				if _, err := r.expand("the extended Compose file", next, at); err != nil {
					return err
				}
			}
		}
		if err := r.extend(next, section, service, at, folder, taken); err != nil {
			return err
		}
	}
	return nil
}

// mapping is a mapping of YAML; nil for something else. compose-go refuses keys that are no text.
func mapping(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

func joined(folder, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

// folderOf is a folder itself, and the one that anything else is in.
func folderOf(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path
	}
	return filepath.Dir(path)
}

func relative(folder, path string) string {
	if rel, err := filepath.Rel(folder, path); err == nil {
		return rel
	}
	return path
}
