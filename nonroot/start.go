package nonroot

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/nonroot/internal/catalogue"
	"github.com/im2-audio/im2/nonroot/internal/start"
	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

const (
	// maxCopied is how many files of a copied folder are searched.
	maxCopied = 2000
	// maxStages is how many stages a copied file is followed through.
	maxStages = 8
)

// endOf follows what a service starts as a user, by the Compose file or the image, to the user that it ends up as.
func (a *auditor) endOf(s *subject, user string) start.End {
	if s.end == nil {
		end := start.Follow(a.world(s), user, a.command(s))
		s.end = &end
	}
	return *s.end
}

// madeBy is what makes the image of a service: its own build, or that of another service; nil for neither.
func (a *auditor) madeBy(s *subject) *dockerfileSubject {
	d := s.build
	if d == nil {
		d = a.makerOf(s.cfg.Image)
	}
	if !d.usable() {
		return nil
	}
	return d
}

// command is the command line of a service, as the engine puts it together.
func (a *auditor) command(s *subject) []string {
	if s.cfg.Entrypoint != nil {
		return slices.Concat([]string(s.cfg.Entrypoint), []string(s.cfg.Command))
	}
	var entry, command []string
	if d := a.madeBy(s); d != nil {
		entry, command = d.starts()
	} else {
		entry, command = imageStart(s.image, s.cfg.Image)
	}
	if s.cfg.Command != nil {
		command = s.cfg.Command
	}
	return slices.Concat(entry, command)
}

// imageStart is what an image starts, as the engine says or its makers document.
func imageStart(image dockerfile.Image, name string) (entry, command []string) {
	if len(image.Entrypoint)+len(image.Cmd) > 0 {
		return image.Entrypoint, image.Cmd
	}
	documented, _ := catalogue.Find(name)
	return documented.Entrypoint, documented.Command
}

// starts is what the image of a build starts.
func (d *dockerfileSubject) starts() (entry, command []string) {
	if d.maker.usable() {
		entry, command = d.maker.starts()
	} else {
		entry, command = imageStart(d.base, d.baseName)
	}
	shell, own := []string{"/bin/sh", "-c"}, false
	line := func(c instructions.ShellDependantCmdLine) []string {
		if c.PrependShell {
			return slices.Concat(shell, []string{strings.Join(c.CmdLine, " ")})
		}
		return c.CmdLine
	}
	for _, c := range d.commands() {
		switch c := c.(type) {
		case *instructions.ShellCommand:
			shell = c.Shell
		case *instructions.EntrypointCommand:
			if entry = line(c.ShellDependantCmdLine); !own { // that of the base image no longer counts
				command = nil
			}
		case *instructions.CmdCommand:
			command, own = line(c.ShellDependantCmdLine), true
		}
	}
	return entry, command
}

// world is what is known of the container of a service.
func (a *auditor) world(s *subject) start.World {
	d := a.madeBy(s)
	name := s.cfg.Image
	if d != nil {
		name = d.root().baseName
	}
	documented, _ := catalogue.Find(name)
	passes := ""
	if documented.Script == "" && len(documented.Entrypoint) > 0 {
		passes = path.Base(documented.Entrypoint[0])
	}
	depends := byVariables(&documented, s.cfg.Environment)
	return start.World{
		Env:      a.environment(s, d, documented.Env),
		File:     func(name string) (string, bool) { return a.file(d, name) },
		Services: func() []string { return a.runFiles(d) },
		IsRoot:   func(user string) bool { id, _ := a.whoIs(s, user); return id.root() },
		SetUID:   d.setsUID,
		Written:  d.writtenBy,

		NoNewPrivileges: noNewPrivileges(s.cfg.SecurityOpt),
		Documented: start.Documented{
			Script: documented.Script, Passes: passes, Runs: documented.Runs, FlagsToo: documented.FlagsToo, Becomes: documented.Becomes, First: documented.First, Depends: depends,
		},
	}
}

// byVariables reads the variables of a service that decide which user its image's start script becomes: a UID is that user, and any other
// is returned, since what it does is not known.
func byVariables(documented *catalogue.Entry, environment types.MappingWithEquals) (depends []string) {
	for _, name := range documented.UserVars {
		value, set := environment[name]
		switch {
		case !set || strings.HasSuffix(name, "GID"):
		case value != nil && strings.HasSuffix(name, "UID") && number(*value) != "":
			documented.Becomes = number(*value)
		default:
			depends = append(depends, name)
		}
	}
	return depends
}

// root is the build at the beginning of a chain of images that this project builds.
func (d *dockerfileSubject) root() *dockerfileSubject {
	for d.maker.usable() {
		d = d.maker
	}
	return d
}

// environment looks up the variables of a container: of the Compose file, of what is built, of the image.
func (a *auditor) environment(s *subject, d *dockerfileSubject, documented map[string]string) func(string) (string, bool) {
	image := make(map[string]string)
	for _, pair := range s.image.Env {
		name, value, _ := strings.Cut(pair, "=")
		image[name] = value
	}
	var argument map[string]bool
	if d != nil {
		argument = d.argument()
	}
	return func(name string) (string, bool) {
		if value, ok := s.cfg.Environment[name]; ok {
			if value != nil {
				return *value, true
			}
			inherited, set := a.env[name]
			return inherited, set
		}
		if d != nil && !argument[name] {
			if value, ok := d.Env[name]; ok {
				return value, true
			}
		}
		if value, ok := image[name]; ok && !argument[name] {
			return value, true
		}
		value, ok := documented[name]
		return value, ok
	}
}

// setsUID reports whether a build gives a program the set-user-ID bit.
func (d *dockerfileSubject) setsUID(program string) bool {
	if d == nil || program == "" {
		return false
	}
	return slices.ContainsFunc(d.runs, func(c call) bool {
		return c.program() == "chmod" && slices.ContainsFunc(c.words[1:], setUID.MatchString) && slices.ContainsFunc(c.words[1:], func(word string) bool {
			return d.expand(word) == program || !strings.Contains(program, "/") && path.Base(word) == program
		})
	})
}

// changesUser finds the tools that change the user in the text of a RUN that writes a start script.
var changesUser = regexp.MustCompile(`\b(?:gosu|su-exec|setpriv|runuser|s6-setuidgid|setuidgid|chpst|su)\b`)

// writtenBy says which line of a build writes a start script, where that script may change the user; "" for none.
func (d *dockerfileSubject) writtenBy(program string) string {
	if d == nil || !path.IsAbs(program) {
		return ""
	}
	for _, c := range d.commands() {
		run, ok := c.(*instructions.RunCommand)
		if !ok {
			continue
		}
		first, last := dockerfile.Line(run.Location()), dockerfile.LastLine(run.Location())
		if first == 0 {
			continue
		}
		text := string(d.src.Text[d.src.Start(first):d.src.Start(last+1)])
		if at := strings.Index(text, program); at > 0 && strings.ContainsAny(text, ">") && changesUser.MatchString(text) {
			return fmt.Sprintf("line %d writes %s", first, path.Base(program))
		}
	}
	return d.maker.writtenBy(program)
}

// file returns a text file that is copied into an image, by its path, or by its name where it has none.
func (a *auditor) file(d *dockerfileSubject, name string) (string, bool) {
	base := path.Base(name)
	if d == nil || base == "." || base == "/" || strings.ContainsAny(base, "*?[$") {
		return "", false
	}
	if text, ok := a.copiedFile(d, d.commands(), name, 0); ok {
		return text, true
	}
	return a.file(d.maker, name)
}

func (a *auditor) copiedFile(d *dockerfileSubject, commands []instructions.Command, name string, depth int) (string, bool) {
	base := path.Base(name)
	for _, c := range slices.Backward(commands) { // the last one counts
		var copied instructions.SourcesAndDest
		from := ""
		switch c := c.(type) {
		case *instructions.CopyCommand:
			copied, from = c.SourcesAndDest, c.From
		case *instructions.AddCommand:
			copied = c.SourcesAndDest
		default:
			continue
		}
		to := d.expand(copied.DestPath)
		for _, content := range copied.SourceContents {
			if path.Base(content.Path) == base || path.Base(to) == base {
				return content.Data, true
			}
		}
		for _, source := range copied.SourcePaths {
			source = d.expand(source)
			if from == "" {
				for _, file := range candidates(d.source(source), to, name) {
					if text, err := a.readFile(file); err == nil {
						return string(text), true
					}
				}
				continue
			}
			stage, ok := d.file.Target(d.expand(from))
			if (path.Base(source) == base || path.Base(to) == base) && ok && depth < maxStages {
				if text, ok := a.copiedFile(d, d.file.Stages[stage].Commands, source, depth+1); ok {
					return text, true
				}
			}
		}
	}
	return "", false
}

// source is where COPY finds a path; "" where that is not in a folder of this machine.
func (d *dockerfileSubject) source(from string) string {
	source := filepath.Join(d.context, filepath.FromSlash(from))
	if d.context == "" || remote(d.context) || !subpath.In(d.context, source) {
		return ""
	}
	return source
}

// candidates are the files that COPY of a source to a place can put where a word says.
func candidates(source, to, word string) []string {
	if source == "" {
		return nil
	}
	name := path.Base(word)
	info, err := os.Stat(source)
	switch {
	case err == nil && info.IsDir():
		files := []string{filepath.Join(source, name)}
		if rest, ok := strings.CutPrefix(path.Clean(word), strings.TrimSuffix(path.Clean(to), "/")+"/"); ok && rest != name {
			files = append(files, filepath.Join(source, filepath.FromSlash(rest)))
		}
		return files
	case filepath.Base(source) == name || path.Base(to) == name:
		return []string{source}
	}
	if match, err := filepath.Match(filepath.Base(source), name); err == nil && match {
		return []string{filepath.Join(filepath.Dir(source), name)}
	}
	return nil
}

// runFiles are the texts of the services of a supervisor such as s6, which are copied as a tree.
func (a *auditor) runFiles(d *dockerfileSubject) []string {
	if d == nil {
		return nil
	}
	var found []string
	seen := 0
	for _, c := range d.commands() {
		copied, ok := c.(*instructions.CopyCommand)
		if !ok || copied.From != "" {
			continue
		}
		for _, from := range copied.SourcePaths {
			folder := d.source(d.expand(from))
			if folder == "" {
				continue
			}
			_ = filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
				if seen++; err != nil || seen > maxCopied {
					return fs.SkipAll
				}
				if entry.Type().IsRegular() && entry.Name() == "run" {
					if text, err := a.readFile(file); err == nil {
						found = append(found, string(text))
					}
				}
				return nil
			})
		}
	}
	return append(found, a.runFiles(d.maker)...)
}
