package dockerfile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	// Contexts are the named contexts, which replace stages and images of their name.
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
	// Entrypoint and Cmd are its Config.Entrypoint and Config.Cmd: what it starts.
	Entrypoint, Cmd []string
}

// Resolved is the result of resolving one target.
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
	// User is the user that the result runs as, expanded: of the last USER in the chain, or of the
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

// metaArgs evaluates what is before the first FROM: those values reach the FROM lines, and the stages that
// declare the argument again.
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

func platformArgs(build Build) map[string]string {
	args := map[string]string{"TARGETSTAGE": cmp.Or(build.Target, "default")}
	for side, platform := range map[string]string{"BUILD": cmp.Or(build.Host, build.Platform), "TARGET": build.Platform} {
		parts := append(strings.Split(platform, "/"), "", "")
		args[side+"PLATFORM"] = platform
		args[side+"OS"], args[side+"ARCH"], args[side+"VARIANT"] = parts[0], parts[1], parts[2]
	}
	return args
}

// expand expands the variables in a word. A variable that must be set (":?") and is not is an error.
func (r *resolver) expand(word string, env *scope) (string, error) {
	if !strings.ContainsAny(word, "$'\"") && !strings.ContainsRune(word, r.Escape) {
		r.longest = max(r.longest, len(word))
		return word, nil // nothing in it means anything
	}
	if strings.Count(word, "$")*r.longest > maxValues || strings.Count(word, "${") > maxNesting {
		return "", fmt.Errorf("its variables expand to %w", ErrTooLarge) // each doubles the one before it, say
	}
	result, err := r.lex.ProcessWordWithMatches(word, env)
	r.longest = max(r.longest, len(result.Result))
	if r.stored += len(result.Result); r.stored > 16*maxValues {
		return "", fmt.Errorf("its variables expand to %w", ErrTooLarge)
	}
	return result.Result, err
}

func (r *resolver) visit(index int) error {
	if _, done := r.states[index]; done {
		return nil
	}
	stage := r.Stages[index]
	s := &state{from: -1, env: &scope{}}
	r.states[index] = s
	base, err := r.expand(stage.BaseName, r.global)
	if err == nil && base == "" {
		err = fmt.Errorf("FROM %s is empty after expansion: set the argument, or give it a default", stage.BaseName)
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

// knows reports whether the value of a USER is certain. If it is empty, an unknown base image may have set a
// variable that this file does not declare: "USER $NB_UID".
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

// variable returns the error of a variable that must be set, or nil if the stage begins with an unknown image,
// which may set it.
func (r *resolver) variable(s *state, where []parser.Range, err error) error {
	if !s.knownBase && !errors.Is(err, ErrTooLarge) {
		return nil
	}
	return r.at(where, err)
}

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
	s.userFrom = nil // it is in another file
	return err
}

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

func distinct(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

func (r *resolver) at(where []parser.Range, err error) error {
	line := Line(where)
	return &SyntaxError{Path: r.Path, Line: line, Column: r.Indented(line), Err: err}
}

// Expand expands the variables of a word outside of any instruction; a word that cannot be
// expanded comes to nothing.
func (f *File) Expand(word string, env map[string]string) string {
	r := resolver{File: f, lex: shell.NewLex(f.Escape), longest: 1}
	for _, value := range env {
		r.longest = max(r.longest, len(value))
	}
	text, err := r.expand(word, &scope{own: env})
	if err != nil {
		return ""
	}
	return text
}
