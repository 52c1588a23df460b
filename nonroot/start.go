package nonroot

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/nonroot/internal/catalogue"
	"github.com/im2-audio/im2/nonroot/internal/start"
)

const (
	// maxCopied is how many files of a copied folder are searched.
	maxCopied = 2000
	// maxEnvFile is how many bytes of an env_file are read.
	maxEnvFile = 1 << 20
	// maxEnvValue is how many bytes of a value in it are kept.
	maxEnvValue = 4 << 10
	// maxStages is how many stages a copied file is followed through.
	maxStages = 8
	// maxLookups is how often a COPY is compared with the name of a file, for what one service starts.
	maxLookups = 200_000
)

// endOf follows what a service starts as a user, by the Compose file or the image, to the user that it ends up as.
func (a *auditor) endOf(s *subject, user string) start.End {
	if s.end == nil {
		a.lookups = 0
		end := start.Follow(a.world(s), user, a.command(s))
		if a.lookups > maxLookups {
			end = start.End{Why: "its Dockerfile copies too much for what it starts"}
		}
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
	var entry, command []string
	if d := a.madeBy(s); d != nil {
		entry, command = d.starts()
	} else {
		entry, command = imageStart(s.image, s.cfg.Image)
	}
	if s.cfg.Entrypoint != nil {
		entry = s.cfg.Entrypoint
	}
	if len(s.cfg.Command) > 0 || len(s.cfg.Entrypoint) > 0 { // an empty one, even with an empty entrypoint, is that of the image
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
	shell := []string{"/bin/sh", "-c"}
	var own bool
	line := func(c instructions.ShellDependantCmdLine) []string {
		if c.PrependShell {
			return slices.Concat(shell, []string{strings.Join(c.CmdLine, " ")})
		}
		return c.CmdLine
	}
	triggers := d.triggers()
	for _, stage := range d.Chain {
		own = false
		commands := d.file.Stages[stage].Commands
		for _, c := range slices.Concat(triggers, commands) {
			switch c := c.(type) {
			case *instructions.ShellCommand:
				shell = c.Shell
			case *instructions.EntrypointCommand:
				if entry = line(c.ShellDependantCmdLine); !own { // that of the base image or stage no longer counts
					command = nil
				}
			case *instructions.CmdCommand:
				command, own = line(c.ShellDependantCmdLine), true
			}
		}
		triggers = onBuild(commands)
	}
	return entry, command
}

// triggers are the instructions that the base image has for what is built on it.
func (d *dockerfileSubject) triggers() []instructions.Command {
	if d.maker.usable() {
		return onBuild(d.maker.target().Commands)
	}
	var all []instructions.Command
	for _, text := range d.base.OnBuild {
		all = append(all, parsed(text)...)
	}
	return all
}

func onBuild(commands []instructions.Command) (all []instructions.Command) {
	for _, c := range commands {
		if c, ok := c.(*instructions.OnbuildCommand); ok {
			all = append(all, parsed(c.Expression)...)
		}
	}
	return all
}

// parsed is an instruction of ONBUILD; none where it cannot be parsed, which is told elsewhere.
func parsed(text string) []instructions.Command {
	tree, err := parser.Parse(strings.NewReader(text))
	if err != nil || len(tree.AST.Children) != 1 {
		return nil
	}
	c, err := instructions.ParseCommand(tree.AST.Children[0])
	if err != nil {
		return nil
	}
	return []instructions.Command{c}
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
	environment := a.environment(s, d, documented.Env)
	depends := byVariables(&documented, func(name string) (string, bool) {
		value, set := environment(name)
		_, declared := s.cfg.Environment[name]
		return value, declared || set && !ofImage(s, d, &documented, name, value)
	})
	return start.World{
		Env:      environment,
		File:     func(name string) (string, bool) { return a.file(d, name) },
		Services: func() []string { return a.runFiles(d) },
		IsRoot:   func(user string) bool { id, _ := a.whoIs(s, user); return id.root() },
		SetUID:   d.setsUID,
		Written:  func(program string) string { return a.writtenBy(d, program) },
		Unsure: func(user string) string {
			if d == nil || number(user) != "" || user == "root" {
				return ""
			}
			if _, known := d.accounts[user]; known {
				return ""
			}
			return d.unsure
		},

		NoNewPrivileges: noNewPrivileges(s.cfg.SecurityOpt),
		Documented: start.Documented{
			Script: documented.Script, Passes: passes, Runs: documented.Runs, FlagsToo: documented.FlagsToo, Becomes: documented.Becomes, First: documented.First, Depends: depends,
		},
	}
}

// byVariables reads the variables of a service that decide which user its image's start script becomes: a UID is that user, and any other
// is returned, since what it does is not known.
func byVariables(documented *catalogue.Entry, told func(name string) (string, bool)) (depends []string) {
	for _, name := range documented.UserVars {
		value, set := told(name)
		switch {
		case !set || strings.HasSuffix(name, "GID"):
		case strings.HasSuffix(name, "UID") && number(value) != "":
			documented.Becomes = number(value)
		default:
			depends = append(depends, name)
		}
	}
	return depends
}

// ofImage reports whether a variable has the value that the image, or the one that it is built on, comes with.
func ofImage(s *subject, d *dockerfileSubject, documented *catalogue.Entry, name, value string) bool {
	image := s.image
	if d != nil {
		image = d.root().base
	}
	known, ok := documented.Env[name]
	return ok && known == value || slices.Contains(image.Env, name+"="+value)
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
	files := a.envFiles(s)
	return func(name string) (string, bool) {
		if value, ok := s.cfg.Environment[name]; ok {
			if value != nil {
				return *value, true
			}
			inherited, set := a.env[name]
			return inherited, set
		}
		if value, ok := files[name]; ok {
			return value, true
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

// envFiles are the variables of the env_file of a service; the last file counts.
func (a *auditor) envFiles(s *subject) map[string]string {
	all := make(map[string]string)
	for _, file := range s.cfg.EnvFiles {
		text, err := a.readFile(file.Path)
		if err != nil || len(text) > maxEnvFile {
			continue
		}
		lookup := func(name string) (string, bool) {
			if value, ok := all[name]; ok {
				return value, true
			}
			value, ok := a.env[name]
			return value, ok
		}
		parse := func(text string) bool {
			values, err := dotenv.UnmarshalWithLookup(text, lookup)
			for name, value := range values {
				if all[name] = value; len(value) > maxEnvValue {
					all[name] = start.Unknown
				}
			}
			return err == nil
		}
		if !strings.Contains(string(text), "$") && parse(string(text)) {
			continue
		}
		for line := range strings.Lines(string(text)) { // one by one, since values may double with each
			parse(line)
		}
	}
	return all
}

// setsUID reports whether a build gives a program the set-user-ID bit.
func (d *dockerfileSubject) setsUID(program string) bool {
	if d == nil || program == "" {
		return false
	}
	return slices.ContainsFunc(d.runs, func(c call) bool {
		return (c.program() == "chmod" || c.program() == "install") && slices.ContainsFunc(c.words[1:], setUID.MatchString) && slices.ContainsFunc(c.words[1:], func(word string) bool {
			return d.expand(word) == program || !strings.Contains(program, "/") && path.Base(word) == program
		})
	})
}

var (
	// namesUser finds what a configuration says of its user.
	namesUser = regexp.MustCompile(`\buser\b`)
	// lineEnds finds the expression by which sed makes line ends those of Linux.
	lineEnds = regexp.MustCompile(`sed\s+-i\s+(?:-e\s*)?["']?s/\\r\$?//g?["']?`)
)

// changesUser finds the tools that change the user in the text of a RUN that writes a start script.
var changesUser = regexp.MustCompile(`\b(?:gosu|su-exec|setpriv|runuser|s6-setuidgid|setuidgid|chpst|su)\b`)

// writes finds commands that write or change a file of some name.
const writes = `(?s)(?:>\s*["']?|\btee\s[^;&|]*|\b(?:sed|perl)\s(?:[^&;]|&[^&]|;\S)*-[a-zA-Z]*i(?:[^&;]|&[^&]|;\S)*)%s\b`

// writtenBy says which line of a build writes or changes a file after it is copied, where that may change the user; "" for none.
func (a *auditor) writtenBy(d *dockerfileSubject, program string) string {
	if d == nil || !path.IsAbs(program) {
		return ""
	}
	changes := changesUser
	if strings.HasSuffix(program, ".conf") {
		changes = namesUser
	}
	written := regexp.MustCompile(fmt.Sprintf(writes, regexp.QuoteMeta(program)))
	commands := d.commands()
	for i, c := range slices.Backward(commands) {
		run, ok := c.(*instructions.RunCommand)
		if !ok {
			continue
		}
		first, last := dockerfile.Line(run.Location()), dockerfile.LastLine(run.Location())
		if first == 0 {
			continue
		}
		text := string(d.src.Text[d.src.Start(first):d.src.Start(last+1)])
		if a.lookups += 1 + len(text)/256; a.lookups > maxLookups || !strings.Contains(text, program) || !written.MatchString(lineEnds.ReplaceAllString(text, "")) {
			continue
		}
		a.lookups += i
		all, _ := d.copies(commands[:i])
		_, copied := a.copiedTo(d, all, program, 0)
		if copied || changes.MatchString(text) {
			return fmt.Sprintf("line %d writes %s", first, path.Base(program))
		}
	}
	return a.writtenBy(d.maker, program)
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
