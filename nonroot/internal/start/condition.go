package start

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// caseClause follows the branch that is meant, or all where the word is not known.
func (s *script) caseClause(c *syntax.CaseClause, w *way) []*way {
	word, known := s.literal(c.Word, w)
	var result []*way
	through := false // by ;& from the branch before
	for _, item := range c.Items {
		match := maybe
		if known {
			match = s.matches(item.Patterns, word, w)
		}
		if through {
			match = maybe
		}
		through = item.Op != syntax.Break && (through || match != no)
		if match == yes && through {
			match = maybe // what else runs is not followed exactly
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
	if slices.ContainsFunc(args, uncertain) {
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
