package dockerfile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	slashpath "path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Build is what a Dockerfile is built with.
type Build struct {
	// Target is the stage to build; "" for the last.
	Target string
	// Args are the build arguments.
	Args map[string]string
	// Platform is the one that is built for, such as "linux/amd64"; "" where it is not
	// known, and the platform variables are then empty.
	Platform string
	// Host is the one that is built on; "" for the same.
	Host string
	// Contexts are the named contexts, which stand in for stages and images of their name.
	Contexts []string
	// Image tells what is known of an image that the build starts from; nil for nothing.
	Image func(name string) (Image, bool)
}

// Image is what an image hands down to what is built on it.
type Image struct {
	// User is its Config.User.
	User string
	// Env is its Config.Env, as "NAME=value".
	Env []string
	// OnBuild are its Config.OnBuild: instructions that run in what is built on it.
	OnBuild []string
}

// Resolved is what a build of one target comes to.
type Resolved struct {
	// Stages are the indices of the stages that are built, in the file's order.
	Stages []int
	// Chain are the indices of the stages that the target is, from the first to the
	// target itself, each FROM the one before.
	Chain []int
	// Base is the image that the chain begins with, or the named context; Scratch for none.
	Base string
	// Images are the images that the build reads beside Scratch, in order of their names:
	// of FROM, COPY --from and RUN --mount=from.
	Images []string
	// Remote are the addresses that ADD fetches without a checksum, in order.
	Remote []string
	// Sources are the paths that the build reads of its context, cleaned and relative to it,
	// with their wildcards, in order; "." for all of it.
	Sources []string
	// User is whom the result runs as, expanded: of the last USER in the chain, or of the
	// base image. KnownUser is false when no USER is there and the base is not known.
	User      string
	KnownUser bool
	// UserFrom is the USER instruction in force; nil where there is none in this file.
	UserFrom *instructions.UserCommand
	// Env are the variables at the end of the target, of ARG and ENV together.
	Env map[string]string
}

// Resolve finds what the build reaches. An error is a *SyntaxError with the place: what
// BuildKit, too, would refuse. One File must not be resolved by two goroutines at once.
func (f *File) Resolve(b Build) (*Resolved, error) {
	target, ok := f.Target(b.Target)
	if !ok {
		return nil, &SyntaxError{Path: f.Path, Err: fmt.Errorf("there is no stage %q; there are: %s",
			b.Target, strings.Join(f.StageNames(), ", "))}
	}
	r := resolver{File: f, build: b, lex: shell.NewLex(f.Escape), names: f.byName(), states: make(map[int]*state)}
	for _, value := range b.Args {
		r.longest = max(r.longest, len(value))
	}
	if err := r.metaArgs(); err != nil {
		return nil, err
	}
	if err := r.visit(target); err != nil {
		return nil, err
	}
	return r.result(target), nil
}

// resolver walks the stages that a build reaches.
type resolver struct {
	*File
	build  Build
	lex    *shell.Lex
	global *scope
	names  map[string][]int
	states map[int]*state

	triggered int // how much work triggers were so far

	longest int // of all values so far
	stored  int // bytes of all values so far
}

// state is what is known at the end of a stage.
type state struct {
	from      int // the stage it is FROM; -1 for an image
	base      string
	images    []string
	remote    []string
	sources   []string
	onbuild   []onbuild // what this stage leaves to those that are FROM it
	env       *scope
	user      string
	knownUser bool
	userFrom  *instructions.UserCommand
	// knownBase says that all variables are known: the image it begins with is.
	knownBase bool
}

// metaArgs evaluates what stands before the first FROM: those values reach the FROM lines,
// and the stages that declare the argument again.
func (r *resolver) metaArgs() error {
	platform := platformArgs(r.build)
	for name := range platform {
		if value, ok := r.build.Args[name]; ok {
			platform[name] = value
		}
	}
	r.global = &scope{own: platform}
	for _, arg := range r.Meta {
		for _, kv := range arg.Args {
			if value, ok := r.build.Args[kv.Key]; ok {
				r.global.own[kv.Key] = value
			} else if kv.Value != nil {
				value, err := r.expand(*kv.Value, r.global)
				if err != nil {
					return r.at(arg.Location(), err)
				}
				r.global.own[kv.Key] = value
			}
		}
	}
	return nil
}

// platformArgs are the variables that BuildKit sets for every build.
func platformArgs(build Build) map[string]string {
	args := map[string]string{"TARGETSTAGE": cmp.Or(build.Target, "default")}
	for side, platform := range map[string]string{"BUILD": cmp.Or(build.Host, build.Platform), "TARGET": build.Platform} {
		parts := append(strings.Split(platform, "/"), "", "")
		args[side+"PLATFORM"] = platform
		args[side+"OS"], args[side+"ARCH"], args[side+"VARIANT"] = parts[0], parts[1], parts[2]
	}
	return args
}

// expand expands the variables in a word; one that must be set (":?") and is not is an error.
func (r *resolver) expand(word string, env *scope) (string, error) {
	if !strings.ContainsAny(word, "$'\"") && !strings.ContainsRune(word, r.Escape) {
		r.longest = max(r.longest, len(word))
		return word, nil // nothing in it means anything
	}
	if strings.Count(word, "$")*r.longest > maxValues || strings.Count(word, "${") > maxNesting {
		return "", fmt.Errorf("its variables come to %w", ErrTooLarge) // each doubles the one before it, say
	}
	result, err := r.lex.ProcessWordWithMatches(word, env)
	r.longest = max(r.longest, len(result.Result))
	if r.stored += len(result.Result); r.stored > 16*maxValues {
		return "", fmt.Errorf("its variables come to %w", ErrTooLarge)
	}
	return result.Result, err
}

// visit evaluates a stage and every stage that it reads.
func (r *resolver) visit(index int) error {
	if _, done := r.states[index]; done {
		return nil
	}
	stage := r.Stages[index]
	s := &state{from: -1, env: &scope{}}
	r.states[index] = s
	base, err := r.expand(stage.BaseName, r.global)
	if err == nil && base == "" {
		err = fmt.Errorf("FROM %s comes to nothing: set the argument, or give it a default", stage.BaseName)
	}
	if err != nil {
		return r.at(stage.Location, err)
	}
	s.base = base
	if err := r.inherit(index, base); err != nil {
		return err
	}
	for _, command := range stage.Commands {
		if err := r.command(index, command); err != nil {
			return err
		}
	}
	return nil
}

// knows says that what a USER comes to can be told. Where it comes to nobody, a base image that
// nobody knows may have set what this file does not even declare: "USER $NB_UID".
func (r *resolver) knows(s *state, word, user string) bool {
	if s.knownBase || !strings.HasPrefix(user+":", ":") {
		return true
	}
	result, err := r.lex.ProcessWordWithMatches(word, s.env)
	for name := range result.Unmatched {
		if !s.env.isDeclared(name) {
			return false
		}
	}
	return err == nil
}

// variable is the error of a variable that must be set, or nothing where the stage begins with
// an image that nobody knows: that one may set it.
func (r *resolver) variable(s *state, where []parser.Range, err error) error {
	if !s.knownBase && !errors.Is(err, ErrTooLarge) {
		return nil
	}
	return r.at(where, err)
}

// inherit begins a stage with what its base hands down.
func (r *resolver) inherit(index int, base string) error {
	s := r.states[index]
	if stage := r.Stages[index]; r.isNamed(base) || r.isNamed(stage.Name) {
		return nil // a named context: neither stage nor image of this file
	}
	s.knownBase = true
	// Only stages before this one can be meant: a later one of that name is an image.
	if i, ok := r.stage(base, index); ok {
		if err := r.visit(i); err != nil {
			return err
		}
		parent := r.states[i]
		s.from, s.base, s.env = i, parent.base, &scope{parent: parent.env.settled()}
		s.user, s.knownUser, s.userFrom = parent.user, parent.knownUser, parent.userFrom
		s.knownBase = parent.knownBase
		return r.trigger(index, parent.onbuild)
	}
	if base == Scratch {
		s.knownUser = true
		return nil
	}
	s.images = append(s.images, base)
	s.knownBase = false
	if r.build.Image == nil {
		return nil
	}
	image, known := r.build.Image(base)
	s.user, s.knownUser, s.knownBase = image.User, known, known
	for _, entry := range image.Env {
		name, value, _ := strings.Cut(entry, "=")
		r.longest = max(r.longest, len(value))
		s.env.set(name, value)
	}
	var triggers []onbuild
	for _, text := range image.OnBuild {
		triggers = append(triggers, onbuild{text: text, line: 1})
	}
	err := r.trigger(index, triggers)
	s.userFrom = nil // it stands in another file
	return err
}

// onbuild is an ONBUILD instruction: what it leaves, and the line it stands on.
type onbuild struct {
	text string
	line int
}

// trigger applies the ONBUILD instructions of what a stage begins with, which run before its
// own.
func (r *resolver) trigger(index int, left []onbuild) error {
	for _, o := range left {
		if r.triggered += 1 + o.line/100; r.triggered > maxTriggers {
			return r.at(r.Stages[index].Location, fmt.Errorf("its triggers come to %w", ErrTooLarge))
		}
		command, err := o.parse()
		if err != nil {
			err = fmt.Errorf("its base has \"ONBUILD %s\": %w", o.text, err)
			return r.at(r.Stages[index].Location, err)
		}
		if err := r.command(index, command); err != nil {
			return err
		}
	}
	return nil
}

// parse gives the instruction the place of its ONBUILD, by empty lines.
func (o onbuild) parse() (instructions.Command, error) {
	tree, err := parser.Parse(strings.NewReader(strings.Repeat("\n", max(0, o.line-1)) + o.text))
	if err != nil {
		return nil, err
	}
	if len(tree.AST.Children) != 1 {
		return nil, errors.New("that is not one instruction")
	}
	return instructions.ParseCommand(tree.AST.Children[0])
}

// command applies one instruction.
func (r *resolver) command(index int, command instructions.Command) error {
	s := r.states[index]
	switch c := command.(type) {
	case *instructions.ArgCommand:
		return r.arg(s, c)
	case *instructions.EnvCommand:
		return r.env(s, c)
	case *instructions.UserCommand:
		user, err := r.expand(c.User, s.env)
		s.user, s.knownUser, s.userFrom = user, err == nil && r.knows(s, c.User, user), c
		if err != nil {
			return r.variable(s, c.Location(), err)
		}
	case *instructions.CopyCommand:
		return r.source(index, c.From, c.SourcePaths...)
	case *instructions.AddCommand:
		return r.add(index, c)
	case *instructions.RunCommand:
		return r.mounts(index, c)
	case *instructions.OnbuildCommand:
		s.onbuild = append(s.onbuild, onbuild{text: c.Expression, line: Line(c.Location())})
	}
	return nil
}

func (r *resolver) arg(s *state, c *instructions.ArgCommand) error {
	for _, kv := range c.Args {
		global, isGlobal := r.global.Get(kv.Key)
		value, given := r.build.Args[kv.Key]
		switch {
		case given:
			s.env.set(kv.Key, value)
		case kv.Value != nil:
			value, err := r.expand(*kv.Value, s.env)
			if err != nil {
				return r.variable(s, c.Location(), err)
			}
			s.env.set(kv.Key, value)
		case isGlobal:
			s.env.set(kv.Key, global)
		default:
			s.env.declare(kv.Key)
		}
	}
	return nil
}

// env sets variables of ENV: all of one instruction see the values from before it.
func (r *resolver) env(s *state, c *instructions.EnvCommand) error {
	values := make([]string, len(c.Env))
	for i, kv := range c.Env {
		value, err := r.expand(kv.Value, s.env)
		if err != nil {
			return r.variable(s, c.Location(), err)
		}
		values[i] = value
	}
	for i, kv := range c.Env {
		s.env.set(kv.Key, values[i])
	}
	return nil
}

// source takes up what COPY or a mount reads: paths of a stage by name or number, of an image,
// or, for "", of the build context.
func (r *resolver) source(index int, from string, paths ...string) error {
	s := r.states[index]
	if from == "" {
		for _, path := range paths {
			path, err := r.expand(path, s.env)
			if err != nil {
				path = "." // BuildKit will say what is wrong with it
			}
			s.sources = append(s.sources, inContext(path))
		}
		return nil
	}
	if from == Scratch || r.isNamed(from) {
		return nil
	}
	i, ok := r.stage(from, len(r.Stages))
	if n, err := strconv.Atoi(from); !ok && err == nil && n >= 0 && n < len(r.Stages) {
		i, ok = n, true
	}
	if ok {
		return r.visit(i)
	}
	s.images = append(s.images, from)
	return nil
}

// isNamed reports whether a named context stands in for a stage or an image of this name. To
// BuildKit "alpine:latest" and "docker.io/library/alpine" are "alpine" there.
func (r *resolver) isNamed(name string) bool {
	return slices.ContainsFunc(r.build.Contexts, func(context string) bool { return contextName(context) == contextName(name) })
}

func contextName(name string) string {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name // a stage's, which need not be an image's
	}
	return strings.TrimSuffix(reference.FamiliarString(ref), ":latest")
}

// inContext is a path as BuildKit asks for it: the context is the root, so nothing is above it.
func inContext(path string) string {
	return slashpath.Join(".", slashpath.Join("/", filepath.ToSlash(path)))
}

// mounts takes up what the mounts of one RUN read.
func (r *resolver) mounts(index int, c *instructions.RunCommand) error {
	// Only the expansion fills in what is mounted; it may be done again.
	s := r.states[index]
	if err := c.Expand(func(word string) (string, error) { return r.expand(word, s.env) }); err != nil {
		return r.variable(s, c.Location(), err)
	}
	for _, mount := range instructions.GetMounts(c) {
		var paths []string
		if mount.Type == instructions.MountTypeBind {
			paths = append(paths, cmp.Or(mount.Source, "."))
		}
		if err := r.source(index, mount.From, paths...); err != nil {
			return err
		}
	}
	return nil
}

// add takes up what ADD reads, and notes addresses whose content can change without anything
// here changing.
func (r *resolver) add(index int, c *instructions.AddCommand) error {
	s := r.states[index]
	for _, path := range c.SourcePaths {
		expanded, err := r.expand(path, s.env)
		switch {
		case err != nil || !isAddress(expanded):
			if err := r.source(index, "", path); err != nil {
				return err
			}
		case c.Checksum == "":
			s.remote = append(s.remote, expanded)
		}
	}
	return nil
}

// isAddress reports whether ADD fetches this: an URL, or USER@HOST:PATH of a Git repository.
func isAddress(path string) bool {
	user, rest, at := strings.Cut(path, "@")
	host, _, colon := strings.Cut(rest, ":")
	return strings.Contains(path, "://") || at && colon && !strings.Contains(user+host, "/")
}

// result gathers what the visit of a target found.
func (r *resolver) result(target int) *Resolved {
	t := r.states[target]
	out := &Resolved{
		Stages: slices.Sorted(maps.Keys(r.states)), Base: t.base, Env: t.env.all(),
		User: t.user, KnownUser: t.knownUser, UserFrom: t.userFrom,
	}
	for i := target; i >= 0; i = r.states[i].from {
		out.Chain = append(out.Chain, i)
	}
	slices.Reverse(out.Chain)
	for _, i := range out.Stages {
		out.Images = append(out.Images, r.states[i].images...)
		out.Remote = append(out.Remote, r.states[i].remote...)
		out.Sources = append(out.Sources, r.states[i].sources...)
	}
	out.Images, out.Sources = distinct(out.Images), distinct(out.Sources)
	return out
}

// distinct sorts texts and drops repeats.
func distinct(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

// at gives an error its place.
func (r *resolver) at(where []parser.Range, err error) error {
	line := Line(where)
	return &SyntaxError{Path: r.Path, Line: line, Column: r.column(line), Err: err}
}

// Expand expands the variables of a word outside of any instruction; a word that cannot be
// expanded comes to nothing.
func (f *File) Expand(word string, env map[string]string) string {
	longest := 1
	for _, value := range env {
		longest = max(longest, len(value))
	}
	if strings.Count(word, "$")*longest > maxValues || strings.Count(word, "${") > maxNesting {
		return ""
	}
	result, err := shell.NewLex(f.Escape).ProcessWordWithMatches(word, &scope{own: env})
	if err != nil {
		return ""
	}
	return result.Result
}
