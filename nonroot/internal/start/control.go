package start

import (
	"slices"

	"mvdan.cc/sh/v3/syntax"
)

func (s *script) ifClause(c *syntax.IfClause, w *way) []*way {
	if len(c.Cond) == 0 { // else
		return s.statements(c.Then, []*way{w})
	}
	var result []*way
	for _, w := range s.statements(c.Cond, []*way{w}) {
		if w.skip != nothing {
			result = append(result, w)
			continue
		}
		otherwise, status := w, w.status
		if status == maybe {
			otherwise = w.clone()
		}
		if status != no {
			result = append(result, s.statements(c.Then, []*way{w})...)
		}
		if status == yes {
			continue
		}
		otherwise.status = yes
		if c.Else != nil {
			result = append(result, s.ifClause(c.Else, otherwise)...)
		} else {
			result = append(result, otherwise)
		}
	}
	return s.distinct(result)
}

// maxTurns is how many values a loop may have to be followed for each of them.
const maxTurns = 16

// forClause follows a loop for each of its values, where they are known.
func (s *script) forClause(c *syntax.ForClause, w *way) []*way {
	loop, ok := c.Loop.(*syntax.WordIter)
	if !ok {
		return s.loop(nil, c.Do, "", w, c)
	}
	values := w.args
	known := !w.open
	if loop.InPos.IsValid() {
		values, known = s.words(loop.Items, w), true
	}
	if !known || len(values) > maxTurns || slices.ContainsFunc(values, uncertain) {
		return s.loop(nil, c.Do, loop.Name.Value, w, c)
	}
	ways := []*way{w}
	for _, value := range values {
		for _, w := range ways {
			if w.skip == nothing {
				w.put(loop.Name.Value, value)
			}
		}
		ways = s.statements(c.Do, ways)
		for _, w := range ways {
			if w.skip == turn {
				w.skip = nothing
			}
		}
	}
	return leaveLoop(ways)
}

func leaveLoop(ways []*way) []*way {
	for _, w := range ways {
		if w.skip == wholeLoop || w.skip == turn {
			w.skip = nothing
		}
	}
	return ways
}

// while follows a loop turn by turn, as long as its condition is known.
func (s *script) while(c *syntax.WhileClause, w *way) []*way {
	var left []*way
	ways := []*way{w}
	for turns := 0; len(ways) > 0; turns++ {
		var again []*way
		for _, w := range ways {
			if turns >= maxTurns {
				left = append(left, s.loop(c.Cond, c.Do, "", w, c)...)
				continue
			}
			before := w.clone()
			goesOn, ends := s.whileOnce(c, w)
			if goesOn == nil && ends == nil {
				left = append(left, s.loop(c.Cond, c.Do, "", before, c)...)
				continue
			}
			left = append(left, ends...)
			for _, w := range goesOn {
				if w.key() == before.key() { // for ever
					s.finish(w)
				} else {
					again = append(again, w)
				}
			}
		}
		ways = s.distinct(again)
	}
	for _, w := range left {
		w.status = yes
	}
	return s.distinct(leaveLoop(left))
}

// whileOnce follows one turn; it returns non-nil slices unless the condition is not known.
func (s *script) whileOnce(c *syntax.WhileClause, w *way) (goesOn, ends []*way) {
	goesOn, ends = []*way{}, []*way{}
	asked := s.statements(c.Cond, []*way{w})
	for _, w := range asked {
		if w.skip == nothing && w.status == maybe {
			return nil, nil
		}
	}
	for _, w := range asked {
		if w.skip != nothing || (w.status == yes) == c.Until {
			ends = append(ends, w)
			continue
		}
		for _, w := range s.statements(c.Do, []*way{w}) {
			switch w.skip {
			case turn:
				w.skip = nothing
				goesOn = append(goesOn, w)
			case nothing:
				goesOn = append(goesOn, w)
			default:
				ends = append(ends, w)
			}
		}
	}
	return goesOn, ends
}

// loop follows the body of a loop once, or not at all; what it sets is not known in it and behind it.
func (s *script) loop(cond, body []*syntax.Stmt, variable string, w *way, whole syntax.Node) []*way {
	if variable != "" {
		w.forget(variable)
	}
	syntax.Walk(whole, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Assign:
			if n.Name != nil {
				w.forget(n.Name.Value)
			}
		case *syntax.CallExpr:
			if len(n.Args) > 0 && (n.Args[0].Lit() == "shift" || n.Args[0].Lit() == "set") {
				w.open = true
			}
		}
		return true
	})
	var result []*way
	for _, w := range s.statements(cond, []*way{w}) {
		result = append(result, w)
		if w.skip == nothing {
			result = append(result, s.statements(body, []*way{w.clone()})...)
		}
	}
	for _, w := range result {
		w.status = yes
	}
	return s.distinct(leaveLoop(result))
}

func (s *script) binary(c *syntax.BinaryCmd, w *way) []*way {
	if c.Op == syntax.Pipe || c.Op == syntax.PipeAll {
		ends := []End{s.apart(c.X.Cmd, w.clone()), s.apart(c.Y.Cmd, w.clone())}
		if end := worst(ends); rank(end) > 0 {
			w.last = end
		}
		w.status = maybe
		return []*way{w}
	}
	var result []*way
	for _, w := range s.statement(c.X, w) {
		goesOn, stops := yes, no
		if c.Op == syntax.OrStmt {
			goesOn, stops = no, yes
		}
		if w.skip != nothing || w.status == stops {
			result = append(result, w)
			continue
		}
		if w.status == maybe {
			skipped := w.clone()
			skipped.status = stops
			result = append(result, skipped)
		}
		w.status = goesOn
		result = append(result, s.statement(c.Y, w)...)
	}
	return s.distinct(result)
}
