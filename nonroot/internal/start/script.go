package start

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// truth is whether a command succeeds.
type truth int

const (
	maybe truth = iota
	yes
	no
)

func (t truth) not() truth { return [...]truth{maybe, no, yes}[t] }

// script is a shell script that is followed.
type script struct {
	*follower
	name  string
	user  string // who runs it
	shell string // the interpreter's name
	from  string // the file that is read, which may be one that it sources
	depth int
	funcs map[string]*syntax.Stmt
	ends  []End // of the ways through it
	full  bool  // more ways than are followed
}

// way is one way through a script, up to some command.
type way struct {
	vars   map[string]string   // what the script sets; Unknown for what is not known
	lists  map[string][]string // arrays that are known
	args   []string
	open   bool // the arguments are not known
	status truth
	// running are the programs that it leaves running; last is the one that it runs itself, until another one.
	running []End
	last    End
	// locals are the variables of the function that it is in, as they were outside.
	locals []local
	// skip says that what follows is left out: up to the end of the function, the loop or its turn.
	skip skip
}

type skip int

const (
	nothing skip = iota
	function
	wholeLoop
	turn
)

// local is a variable as it was before a function made one of that name.
type local struct {
	name, value string
	set         bool
}

func (w *way) clone() *way {
	c := *w
	c.lists = maps.Clone(w.lists)
	c.vars, c.args, c.running, c.locals = maps.Clone(w.vars), slices.Clone(w.args), slices.Clone(w.running), slices.Clone(w.locals)
	return &c
}

// key is the same for ways that go on alike.
func (w *way) key() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.vars)) {
		fmt.Fprintf(&b, "%s=%q ", name, w.vars[name])
	}
	for _, name := range slices.Sorted(maps.Keys(w.lists)) {
		fmt.Fprintf(&b, "%s=%q ", name, w.lists[name])
	}
	fmt.Fprintf(&b, "%q %t %d %v %v %d %v", w.args, w.open, w.status, w.running, w.last, w.skip, w.locals)
	return b.String()
}

// text follows the text of a shell script.
func (f *follower) text(text, name, shell string, args []string, user string, depth int) (end End) {
	name = path.Base(name)
	defer func() { // the parser's library meets what nobody has written before
		if what := recover(); what != nil {
			end = End{Why: fmt.Sprintf("its start script %s cannot be followed: %v", name, what)}
		}
	}()
	if text == Unknown {
		return End{User: user}
	}
	if len(text) > maxScript {
		return End{Why: fmt.Sprintf("its start script %s is larger than %d KiB", name, maxScript>>10)}
	}
	if nesting(text) > maxNesting {
		return End{Why: fmt.Sprintf("its start script %s is nested too deeply", name)}
	}
	if depth > maxDepth {
		return End{Why: fmt.Sprintf("its start script %s goes through too many programs", name)}
	}
	tree, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), name)
	if err != nil {
		return End{Why: fmt.Sprintf("its start script %s cannot be read: %v", name, err)}
	}
	s := &script{follower: f, name: name, from: name, user: user, shell: shell, depth: depth, funcs: make(map[string]*syntax.Stmt)}
	ways := s.statements(tree.Stmts, []*way{{vars: make(map[string]string), lists: make(map[string][]string), args: args, status: yes}})
	for _, w := range ways {
		s.finish(w)
	}
	if s.full {
		return End{Why: fmt.Sprintf("its start script %s has too many ways through it", name)}
	}
	return either(name, s.ends)
}

// nesting is about how deep the parentheses of a text are in each other; for some the parser needs much memory.
func nesting(text string) (most int) {
	depth := 0
	for _, c := range []byte(text) {
		switch c {
		case '(':
			depth++
			most = max(most, depth)
		case ')':
			depth = max(0, depth-1)
		}
	}
	return most
}

// finish notes where a way ends.
func (s *script) finish(w *way) {
	ends := w.running
	if w.last.User != "" || w.last.Why != "" {
		ends = append(slices.Clone(ends), w.last)
	}
	end := worst(ends)
	if rank(end) == 0 {
		end = End{User: s.user}
	}
	s.ends = append(s.ends, end)
}

// statements follows commands one after the other, on each way.
func (s *script) statements(list []*syntax.Stmt, ways []*way) []*way {
	for _, statement := range list {
		var next []*way
		for _, w := range ways {
			if w.skip != nothing {
				next = append(next, w)
			} else {
				next = append(next, s.statement(statement, w)...)
			}
		}
		ways = s.distinct(next)
	}
	return ways
}

// distinct drops ways that go on alike, and gives up where there are too many.
func (s *script) distinct(ways []*way) []*way {
	if len(ways) < 2 {
		return ways
	}
	seen := make(map[string]bool)
	ways = slices.DeleteFunc(ways, func(w *way) bool {
		key := w.key()
		had := seen[key]
		seen[key] = true
		return had
	})
	if len(ways) > maxPaths {
		s.full = true
		ways = ways[:1]
	}
	return ways
}

func (s *script) statement(statement *syntax.Stmt, w *way) []*way {
	if s.steps++; s.steps > maxSteps {
		s.full = true
		return nil
	}
	s.redirected(statement, w)
	if statement.Background {
		w.running = append(w.running, s.apart(statement.Cmd, w.clone()))
		w.status = yes
		return []*way{w}
	}
	ways := s.command(statement.Cmd, w)
	if statement.Negated {
		for _, w := range ways {
			w.status = w.status.not()
		}
	}
	return ways
}

// apart follows a command in a process of its own.
func (s *script) apart(command syntax.Command, w *way) End {
	inner := &script{follower: s.follower, name: s.name, from: s.from, user: s.user, shell: s.shell, depth: s.depth + 1, funcs: s.funcs}
	w.running, w.last = nil, End{}
	for _, end := range inner.command(command, w) {
		if rank(end.last) > 0 || len(end.running) > 0 {
			inner.finish(end)
		}
	}
	s.full = s.full || inner.full
	return either(s.name, inner.ends)
}

func (s *script) command(command syntax.Command, w *way) []*way { //nolint:cyclop // one case for each kind of command
	switch c := command.(type) {
	case *syntax.CallExpr:
		return s.call(c, w)
	case *syntax.Block:
		return s.statements(c.Stmts, []*way{w})
	case *syntax.Subshell:
		return s.process(&syntax.Block{Stmts: c.Stmts}, w)
	case *syntax.IfClause:
		return s.ifClause(c, w)
	case *syntax.WhileClause:
		return s.while(c, w)
	case *syntax.ForClause:
		return s.forClause(c, w)
	case *syntax.CaseClause:
		return s.caseClause(c, w)
	case *syntax.BinaryCmd:
		return s.binary(c, w)
	case *syntax.FuncDecl:
		if c.Name != nil && c.Body != nil {
			s.funcs[c.Name.Value] = c.Body
		}
		w.status = yes
	case *syntax.DeclClause:
		w.status = yes
		for _, a := range c.Args {
			s.declare(c.Variant.Value, a, w)
		}
	case *syntax.TestClause:
		if w.status = s.test(c.X, w); s.plain() { // not in every sh
			w.status = maybe
		}
	case *syntax.TimeClause:
		if c.Stmt != nil {
			return s.statement(c.Stmt, w)
		}
	case *syntax.CoprocClause:
		w.running = append(w.running, s.apart(c.Stmt.Cmd, w.clone()))
	case *syntax.ArithmCmd:
		w.status = s.arithmetic(c.X, w)
	default:
		w.status = maybe
	}
	return []*way{w}
}

// process runs a command in a process of its own and waits for it.
func (s *script) process(command syntax.Command, w *way) []*way {
	if end := s.apart(command, w.clone()); rank(end) > 0 {
		w.last = end
	}
	w.status = maybe
	return []*way{w}
}

// call follows a simple command.
func (s *script) call(c *syntax.CallExpr, w *way) []*way {
	if len(c.Args) == 0 {
		w.status = yes
		for _, a := range c.Assigns {
			s.assign(a, w)
		}
		return []*way{w}
	}
	words := s.words(c.Args, w)
	if len(words) == 0 {
		w.status = yes
		return []*way{w}
	}
	if body, ok := s.funcs[words[0]]; ok {
		return s.function(body, words[1:], w)
	}
	if words[0] == "command" || words[0] == "builtin" {
		if len(words) > 1 && strings.HasPrefix(words[1], "-") { // "command -v"
			w.status = maybe
			return []*way{w}
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return []*way{w}
	}
	if ways, done := s.builtin(words, c.Assigns, w); done {
		return ways
	}
	w.status = maybe
	s.account(words, w)
	if truth, ok := helpers[path.Base(words[0])]; ok && !starts(words) {
		w.status = truth
		return []*way{w}
	}
	if asks(words) {
		return []*way{w}
	}
	end := s.start(words, c.Assigns, w)
	if daemon(words) {
		w.running = append(w.running, s.daemonEnd(words, end))
	} else {
		w.last = end
	}
	return []*way{w}
}

// function follows the body of a function with its own arguments.
func (s *script) function(body *syntax.Stmt, args []string, w *way) []*way {
	if s.depth++; s.depth > maxDepth {
		s.full = true
		s.depth--
		return nil
	}
	defer func() { s.depth-- }()
	before, open, locals := w.args, w.open, w.locals
	w.args, w.open, w.locals = args, false, nil
	ways := s.statement(body, w)
	for _, w := range ways {
		for _, l := range slices.Backward(w.locals) {
			if w.vars[l.name] = l.value; !l.set {
				delete(w.vars, l.name)
			}
		}
		w.args, w.open, w.locals = before, open, locals
		if w.skip == function {
			w.skip = nothing
		}
	}
	return ways
}
