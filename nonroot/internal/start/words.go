package start

import (
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// maxParameters is how many parameters a word may have to be expanded.
const maxParameters = 200

// maxList is how many elements of an array are kept.
const maxList = 256

// shellEnv are the variables of a way through a script. unknown is set where one was read that is not known.
type shellEnv struct {
	s       *script
	w       *way
	unknown bool
}

// Get implements expand.Environ. It answers for users' homes, too, so that this machine's are not read.
func (e *shellEnv) Get(name string) expand.Variable {
	text := func(value string) expand.Variable { return expand.Variable{Set: true, Kind: expand.String, Str: value} }
	n, err := strconv.Atoi(name)
	position := err == nil && n > 0
	switch {
	case name == "@" || name == "*" || name == "#" || position:
		e.unknown = e.unknown || e.w.open
		if name == "#" {
			return text(strconv.Itoa(len(e.w.args)))
		}
		if !position {
			return expand.Variable{Set: true, Kind: expand.Indexed, List: e.w.args}
		}
		if n > len(e.w.args) {
			return expand.Variable{}
		}
		e.unknown = e.unknown || uncertain(e.w.args[n-1])
		return text(e.w.args[n-1])
	case name == "0":
		return text(e.s.name)
	case (name == "UID" || name == "EUID") && !e.s.plain():
		return text(number(e.s.user))
	case name == "PWD": // asked for every word
		return text(Unknown)
	case name == "BASH_SOURCE":
		return expand.Variable{Set: true, Kind: expand.Indexed, List: []string{e.s.from}}
	case name == "?" || name == "$" || name == "!" || name == "PPID" || strings.HasPrefix(name, "HOME ") || name == "LINENO" || name == "RANDOM" || name == "SECONDS":
		e.unknown = true
		return text(Unknown)
	}
	if list, ok := e.w.lists[name]; ok {
		e.unknown = e.unknown || slices.ContainsFunc(list, uncertain)
		return expand.Variable{Set: true, Kind: expand.Indexed, List: list}
	}
	value, ok := e.w.vars[name]
	if !ok {
		value, ok = e.s.Env(name)
	}
	if !ok && given.MatchString(name) {
		value, ok = Unknown, true
	}
	if len(value) > maxValue {
		value = Unknown
	}
	e.unknown = e.unknown || uncertain(value)
	if !ok {
		return expand.Variable{}
	}
	return text(value)
}

// given are the variables that the engine and shells set, to what is not known here.
var given = regexp.MustCompile(`^(?:HOME|PATH|HOSTNAME|OLDPWD|TERM|SHLVL|SHELL|_|UID|EUID|GROUPS|OPTARG|OPTIND|REPLY|OSTYPE|HOSTTYPE|MACHTYPE|BASH(?:PID|OPTS|_VERSION|_VERSINFO|_COMMAND)?|RANDOM|SRANDOM|EPOCH\w+)$`)

// Each implements expand.Environ; no names are listed.
func (e *shellEnv) Each(func(string, expand.Variable) bool) {}

// Set implements expand.WriteEnviron, for ${NAME:=value}.
func (e *shellEnv) Set(name string, v expand.Variable) error {
	e.w.put(name, bounded(v.String()))
	return nil
}

func bounded(value string) string {
	if len(value) > maxValue {
		return Unknown
	}
	return value
}

// number is a user's UID as a script sees it; that of a name is any other than root's.
func number(user string) string {
	if user == Root {
		return "0"
	}
	if _, err := strconv.Atoi(user); err == nil {
		return user
	}
	return "1000"
}

func (s *script) config(w *way) (*expand.Config, *shellEnv) {
	env := &shellEnv{s: s, w: w}
	return &expand.Config{
		Env:      env,
		CmdSubst: func(out io.Writer, c *syntax.CmdSubst) error { return s.substitute(out, c, env) },
		ProcSubst: func(*syntax.ProcSubst) (string, error) { // <(command), a pipe
			env.unknown = true
			return Unknown, nil
		},
	}, env
}

// expandable reports whether expanding a word costs no more than its length promises: no braces that multiply, not too many parameters.
func expandable(word *syntax.Word) bool {
	parameters, braces := 0, false
	syntax.Walk(word, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ParamExp:
			parameters++
		case *syntax.Lit:
			braces = braces || strings.Contains(n.Value, "{")
		}
		return true
	})
	return parameters <= maxParameters && !braces
}

// words expands the words of a command; one that is not known becomes Unknown.
func (s *script) words(list []*syntax.Word, w *way) []string {
	var all []string
	for _, word := range list {
		if len(all) > maxSteps {
			return all
		}
		config, env := s.config(w)
		if !expandable(word) {
			all = append(all, Unknown)
			continue
		}
		fields, err := expand.Fields(config, word)
		if err != nil || env.unknown && !simple(word) {
			fields = []string{Unknown}
		}
		all = append(all, fields...)
	}
	return all
}

// simple reports whether what is not known of a word is in its place in the result, where an operator may make anything of it.
func simple(word *syntax.Word) bool {
	is := true
	syntax.Walk(word, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ParamExp:
			is = is && !n.Excl && !n.Length && n.Slice == nil && n.Repl == nil && n.Exp == nil
		case *syntax.ArithmExp, *syntax.ProcSubst, *syntax.ExtGlob:
			is = false
		case *syntax.CmdSubst:
			return false
		}
		return true
	})
	return is
}

// literal expands one word as a whole.
func (s *script) literal(word *syntax.Word, w *way) (string, bool) {
	if word == nil {
		return "", true
	}
	if !expandable(word) {
		return "", false
	}
	config, env := s.config(w)
	text, err := expand.Literal(config, word)
	return text, err == nil && !env.unknown && !uncertain(text)
}

func (s *script) assign(a *syntax.Assign, w *way) {
	if s.list(a, w) {
		return
	}
	value, ok := s.literal(a.Value, w)
	if a.Array != nil || a.Index != nil || a.Append && !ok {
		ok = false
	} else if a.Append {
		value = w.vars[a.Name.Value] + value
	}
	if !ok {
		value = Unknown
	}
	w.put(a.Name.Value, bounded(value))
}

// list follows the assignment of an array; done is false for what is none, or not known.
func (s *script) list(a *syntax.Assign, w *way) (done bool) {
	if a.Array == nil || a.Index != nil {
		return false
	}
	var words []*syntax.Word
	for _, e := range a.Array.Elems {
		if e.Index != nil || e.Value == nil {
			return false
		}
		words = append(words, e.Value)
	}
	before, isList := w.lists[a.Name.Value]
	if value, set := w.vars[a.Name.Value]; a.Append && !isList && set && value != "" {
		return false
	}
	list := s.words(words, w)
	if a.Append {
		list = slices.Concat(before, list)
	}
	if len(list) > maxList {
		return false
	}
	w.put(a.Name.Value, "")
	w.lists[a.Name.Value] = list
	return true
}

// put gives a variable a value; it is no array then.
func (w *way) put(name, value string) {
	delete(w.lists, name)
	w.vars[name] = value
}

func (w *way) forget(name string) { w.put(name, Unknown) }

// substitute answers the command substitutions whose output is known: who runs the script, and what is only text.
func (s *script) substitute(out io.Writer, c *syntax.CmdSubst, env *shellEnv) error {
	var answer string
	var words []string
	if len(c.Stmts) == 1 {
		if call, ok := c.Stmts[0].Cmd.(*syntax.CallExpr); ok && s.depth <= maxDepth {
			s.depth++
			words = s.words(call.Args, env.w)
			s.depth--
		}
	}
	switch strings.Join(words, " ") {
	case "id -u", "id -ru", "id -u root":
		answer = number(s.user)
	case "id -un", "whoami", "id -nu":
		answer = s.user
	default:
		switch {
		case len(words) == 3 && words[0] == "id" && words[1] == "-u" && !uncertain(words[2]): // a name does as well
			if answer = words[2]; env.w.vars[uidOf+answer] != "" {
				answer = env.w.vars[uidOf+answer]
			}
			env.unknown = env.unknown || uncertain(answer)
		case len(words) == 2 && !uncertain(words[1]) && words[0] == "basename":
			answer = path.Base(words[1])
		case len(words) == 2 && words[0] == "dirname" && words[1] != Unknown:
			answer = path.Dir(words[1])
		case len(words) == 2 && !uncertain(words[1]) && words[0] == "echo":
			answer = words[1]
		default:
			env.unknown, answer = true, Unknown
		}
	}
	_, err := fmt.Fprint(out, answer)
	return err
}
