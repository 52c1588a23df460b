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
	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// maxParameters is how many parameters a word may have to be expanded.
const maxParameters = 200

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
		e.unknown = e.unknown || e.w.args[n-1] == Unknown
		return text(e.w.args[n-1])
	case name == "0":
		return text(e.s.name)
	case name == "UID" || name == "EUID":
		return text(number(e.s.user))
	case name == "IFS":
		return expand.Variable{}
	case name == "?" || name == "$" || name == "!" || name == "PPID" || strings.HasPrefix(name, "HOME ") || name == "LINENO" || name == "RANDOM" || name == "SECONDS":
		e.unknown = true
		return text("0")
	}
	value, ok := e.w.vars[name]
	if !ok {
		value, ok = e.s.Env(name)
	}
	if len(value) > maxValue || value == Unknown {
		e.unknown = true
		value = ""
	}
	if !ok {
		return expand.Variable{}
	}
	return text(value)
}

// Each implements expand.Environ; no names are listed.
func (e *shellEnv) Each(func(string, expand.Variable) bool) {}

// Set implements expand.WriteEnviron, for ${NAME:=value}.
func (e *shellEnv) Set(name string, v expand.Variable) error {
	e.w.vars[name] = bounded(v.String())
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
	return &expand.Config{Env: env, ProcSubst: func(*syntax.ProcSubst) (string, error) {
		env.unknown = true
		return Unknown, nil
	}, CmdSubst: func(out io.Writer, c *syntax.CmdSubst) error { return s.substitute(out, c, env) }}, env
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
		if err != nil || env.unknown {
			fields = []string{Unknown}
		}
		all = append(all, fields...)
	}
	return all
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
	return text, err == nil && !env.unknown && text != Unknown
}

func (s *script) assign(a *syntax.Assign, w *way) {
	value, ok := s.literal(a.Value, w)
	if a.Array != nil || a.Index != nil || a.Append && !ok {
		ok = false
	} else if a.Append {
		value = w.vars[a.Name.Value] + value
	}
	if !ok {
		value = Unknown
	}
	w.vars[a.Name.Value] = bounded(value)
}

// substitute answers the command substitutions whose output is known: who runs the script, and what is only text.
func (s *script) substitute(out io.Writer, c *syntax.CmdSubst, env *shellEnv) error {
	answer := ""
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
		case len(words) == 2 && words[1] != Unknown && words[0] == "basename":
			answer = path.Base(words[1])
		case len(words) == 2 && words[1] != Unknown && words[0] == "dirname":
			answer = path.Dir(words[1])
		case len(words) == 2 && words[1] != Unknown && words[0] == "echo":
			answer = words[1]
		default:
			env.unknown = true
		}
	}
	_, err := fmt.Fprint(out, answer)
	return err
}

// caseClause follows the branch that is meant, or all where the word is not known.
func (s *script) caseClause(c *syntax.CaseClause, w *way) []*way {
	word, known := s.literal(c.Word, w)
	var result []*way
	for _, item := range c.Items {
		match := maybe
		if known {
			match = s.matches(item.Patterns, word, w)
		}
		switch match {
		case yes:
			return s.distinct(append(result, s.statements(item.Stmts, []*way{w})...))
		case maybe:
			result = append(result, s.statements(item.Stmts, []*way{w.clone()})...)
		case no:
		}
	}
	w.status = yes
	return s.distinct(append(result, w))
}

func (s *script) matches(patterns []*syntax.Word, word string, w *way) truth {
	result := no
	for _, p := range patterns {
		switch s.match(p, word, w) {
		case yes:
			return yes
		case maybe:
			result = maybe
		case no:
		}
	}
	return result
}

// match compares a text with a pattern.
func (s *script) match(word *syntax.Word, text string, w *way) truth {
	config, env := s.config(w)
	if !expandable(word) {
		return maybe
	}
	pat, err := expand.Pattern(config, word)
	if err != nil || env.unknown {
		return maybe
	}
	expression, err := pattern.Regexp(pat, pattern.EntireString)
	if err != nil {
		return maybe
	}
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return maybe
	}
	return of(compiled.MatchString(text))
}

func of(is bool) truth {
	if is {
		return yes
	}
	return no
}

// test follows what is between [[ and ]].
func (s *script) test(x syntax.TestExpr, w *way) truth {
	switch x := x.(type) {
	case *syntax.ParenTest:
		return s.test(x.X, w)
	case *syntax.Word:
		if text, ok := s.literal(x, w); ok {
			return of(text != "")
		}
	case *syntax.UnaryTest:
		if x.Op == syntax.TsNot {
			return s.test(x.X, w).not()
		}
		if word, ok := x.X.(*syntax.Word); ok {
			if text, known := s.literal(word, w); known {
				return condition([]string{x.Op.String(), text})
			}
		}
	case *syntax.BinaryTest:
		return s.binaryTest(x, w)
	}
	return maybe
}

func (s *script) binaryTest(x *syntax.BinaryTest, w *way) truth {
	switch x.Op {
	case syntax.AndTest:
		return and(s.test(x.X, w), s.test(x.Y, w))
	case syntax.OrTest:
		return and(s.test(x.X, w).not(), s.test(x.Y, w).not()).not()
	}
	left, ok := x.X.(*syntax.Word)
	right, isWord := x.Y.(*syntax.Word)
	if !ok || !isWord {
		return maybe
	}
	text, known := s.literal(left, w)
	if !known {
		return maybe
	}
	switch x.Op {
	case syntax.TsMatch, syntax.TsMatchShort:
		return s.match(right, text, w)
	case syntax.TsNoMatch:
		return s.match(right, text, w).not()
	}
	other, known := s.literal(right, w)
	if !known {
		return maybe
	}
	return condition([]string{text, x.Op.String(), other})
}

func and(a, b truth) truth {
	switch {
	case a == no || b == no:
		return no
	case a == yes && b == yes:
		return yes
	}
	return maybe
}

// condition answers test(1) with its arguments; files are not known.
func condition(args []string) truth {
	if left, right, ok := parted(args, "-o"); ok {
		return and(condition(left).not(), condition(right).not()).not()
	}
	if left, right, ok := parted(args, "-a"); ok {
		return and(condition(left), condition(right))
	}
	if len(args) > 1 && args[0] == "!" {
		return condition(args[1:]).not()
	}
	if slices.Contains(args, Unknown) {
		return maybe
	}
	switch len(args) {
	case 0:
		return no
	case 1:
		return of(args[0] != "")
	case 2:
		switch args[0] {
		case "-z":
			return of(args[1] == "")
		case "-n":
			return of(args[1] != "")
		}
	case 3:
		return compare(args[0], args[1], args[2])
	}
	return maybe
}

// parted returns the arguments on both sides of an operator.
func parted(args []string, operator string) (left, right []string, ok bool) {
	for i, arg := range args {
		if i > 0 && arg == operator {
			return args[:i], args[i+1:], true
		}
	}
	return nil, nil, false
}

func compare(a, operator, b string) truth {
	switch operator {
	case "=", "==":
		return of(a == b)
	case "!=":
		return of(a != b)
	}
	x, errX := strconv.Atoi(strings.TrimSpace(a))
	y, errY := strconv.Atoi(strings.TrimSpace(b))
	if errX != nil || errY != nil {
		return maybe
	}
	switch operator {
	case "-eq":
		return of(x == y)
	case "-ne":
		return of(x != y)
	case "-lt":
		return of(x < y)
	case "-le":
		return of(x <= y)
	case "-gt":
		return of(x > y)
	case "-ge":
		return of(x >= y)
	}
	return maybe
}
