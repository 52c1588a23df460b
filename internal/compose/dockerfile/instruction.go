package dockerfile

import (
	"cmp"
	"errors"
	"fmt"
	slashpath "path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// onbuild is an ONBUILD instruction: what it leaves, and its line.
type onbuild struct {
	text string
	line int
}

// trigger applies the ONBUILD instructions of a stage's base, which run before its own.
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

// parse gives the instruction the line of its ONBUILD, by empty lines.
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

// source notes what COPY or a mount reads: paths of a stage, of an image, or, for "", of the build context.
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

// isNamed reports whether a named context replaces a stage or an image of this name. To BuildKit "alpine:latest"
// and "docker.io/library/alpine" are "alpine" there.
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

func inContext(path string) string {
	return slashpath.Join(".", slashpath.Join("/", filepath.ToSlash(path)))
}

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

// add records what ADD reads, and addresses whose content can change at any time.
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

func isAddress(path string) bool {
	user, rest, at := strings.Cut(path, "@")
	host, _, colon := strings.Cut(rest, ":")
	return strings.Contains(path, "://") || at && colon && !strings.Contains(user+host, "/")
}
