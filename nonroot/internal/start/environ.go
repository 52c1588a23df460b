package start

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// Keys of [way.vars] that are no names of variables: what a script exports, and the UIDs of users that it creates or changes.
const (
	exported = "export "
	uidOf    = "uid "
	// anyUser is the key for a passwd file that is changed in a way that is not followed.
	anyUser = " any"
)

// plain reports whether the shell may be one without bash's [[, == and UID.
func (s *script) plain() bool { return s.shell == "sh" || s.shell == "dash" || s.shell == "ash" }

// declare follows one assignment of export, local and the like.
func (s *script) declare(variant string, a *syntax.Assign, w *way) {
	if a.Name == nil {
		return
	}
	name := a.Name.Value
	if variant == "local" || variant == "declare" || variant == "typeset" {
		value, set := w.vars[name]
		w.locals = append(w.locals, local{name: name, value: value, set: set})
		if a.Naked && variant == "local" {
			w.vars[name] = ""
		}
	}
	if !a.Naked {
		s.assign(a, w)
	}
	if variant == "export" || variant == "declare" {
		w.vars[exported+name] = "1"
	}
}

// start follows a program with the variables that the script exports to it, and the users as the script leaves them.
func (s *script) start(words []string, assigns []*syntax.Assign, w *way) End {
	own := make(map[string]string)
	for _, a := range assigns {
		if own[a.Name.Value] = Unknown; a.Array == nil && a.Index == nil && !a.Append {
			if value, ok := s.literal(a.Value, w); ok {
				own[a.Name.Value] = value
			}
		}
	}
	env, uids := s.Env, s.uids
	defer func() { s.Env, s.uids = env, uids }()
	s.uids = make(map[string]string)
	for key, value := range w.vars {
		if name, ok := strings.CutPrefix(key, uidOf); ok {
			s.uids[name] = value
		}
	}
	s.Env = func(name string) (string, bool) {
		if value, ok := own[name]; ok {
			return value, true
		}
		value, given := env(name)
		if set, ok := w.vars[name]; ok && (given || w.vars[exported+name] != "") {
			return set, true
		}
		return value, given
	}
	return s.program(words, s.user, s.depth+1)
}

var digits = regexp.MustCompile(`^\d+$`)

func isNumber(user string) bool { return digits.MatchString(user) }

// account follows what a command makes of users.
func (s *script) account(words []string, w *way) {
	args := words[1:]
	switch path.Base(words[0]) {
	case "usermod", "useradd", "adduser":
		var c []string
		for i, arg := range args {
			if arg == "-u" || arg == "--uid" {
				c = append(c, first(args[i+1:]))
			} else if value, ok := strings.CutPrefix(arg, "--uid="); ok {
				c = append(c, value)
			} else if strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && strings.HasSuffix(arg, "u") {
				c = append(c, first(args[i+1:]))
			}
		}
		if len(c) > 0 {
			name := args[len(args)-1]
			if uncertain(name) {
				name = anyUser
			}
			w.vars[uidOf+name] = c[0]
		}
	case "sed", "cp", "mv", "tee":
		inPlace := slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-") && strings.Contains(arg, "i") })
		if slices.Contains(args, "/etc/passwd") && (inPlace || path.Base(words[0]) != "sed") {
			w.vars[uidOf+anyUser] = Unknown
		}
	}
}

// redirected follows what is written into the passwd file.
func (s *script) redirected(statement *syntax.Stmt, w *way) {
	for _, r := range statement.Redirs {
		if r.Op != syntax.RdrOut && r.Op != syntax.AppOut && r.Op != syntax.RdrClob {
			continue
		}
		if to, ok := s.literal(r.Word, w); ok && to == "/etc/passwd" {
			w.vars[uidOf+anyUser] = Unknown
		}
	}
}

// arithmetic answers ((expression)).
func (s *script) arithmetic(x syntax.ArithmExpr, w *way) truth {
	config, env := s.config(w)
	if s.plain() {
		return maybe
	}
	n, err := expand.Arithm(config, x)
	if err != nil || env.unknown {
		return maybe
	}
	return of(n != 0)
}

// with gives what follows the variables of the arguments of env(1), until the function is called that it returns.
func (f *follower) with(args []string) (undo func()) {
	before := f.Env
	set := make(map[string]string)
	for _, arg := range args {
		if name, value, ok := strings.Cut(arg, "="); ok && !strings.HasPrefix(arg, "-") {
			set[name] = value
		}
	}
	f.Env = func(name string) (string, bool) {
		if value, ok := set[name]; ok {
			return value, true
		}
		return before(name)
	}
	return func() { f.Env = before }
}
