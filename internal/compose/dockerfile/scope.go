package dockerfile

import (
	"maps"
	"slices"
	"strings"
)

// scope holds the variables of a stage over those of the stage it is FROM. A chain of
// scopes instead of copies: a file of a megabyte may have tens of thousands of both.
type scope struct {
	own    map[string]string
	parent *scope
	// unset are the arguments that are declared and have no value.
	unset []string
}

// set gives a variable its value in this scope.
func (s *scope) set(name, value string) {
	if s.own == nil {
		s.own = make(map[string]string)
	}
	s.own[name] = value
}

// declare notes an argument without a value.
func (s *scope) declare(name string) { s.unset = append(s.unset, name) }

// isDeclared reports whether an argument was declared, though it has no value.
func (s *scope) isDeclared(name string) bool {
	for ; s != nil; s = s.parent {
		if slices.Contains(s.unset, name) {
			return true
		}
	}
	return false
}

// Get is BuildKit's question for a variable.
func (s *scope) Get(name string) (string, bool) {
	for ; s != nil; s = s.parent {
		if value, ok := s.own[name]; ok {
			return value, true
		}
	}
	return "", false
}

// Keys is what BuildKit may ask for, too.
func (s *scope) Keys() []string { return slices.Sorted(maps.Keys(s.all())) }

// settled is the first scope that holds anything, so that stages without variables do not
// lengthen the way to those that have some.
func (s *scope) settled() *scope {
	for s != nil && len(s.own) == 0 && len(s.unset) == 0 {
		s = s.parent
	}
	return s
}

// all returns every variable with the value in force.
func (s *scope) all() map[string]string {
	all := make(map[string]string)
	for ; s != nil; s = s.parent {
		for name, value := range s.own {
			if _, nearer := all[name]; !nearer {
				all[name] = value
			}
		}
	}
	return all
}

// byName returns the stages of each name, in lower case, in the file's order.
func (f *File) byName() map[string][]int {
	names := make(map[string][]int)
	for i, stage := range f.Stages {
		if stage.Name != "" {
			name := strings.ToLower(stage.Name)
			names[name] = append(names[name], i)
		}
	}
	return names
}

// stage finds the last stage of a name before an index, without regard to case.
func (r *resolver) stage(name string, before int) (int, bool) {
	found := r.names[strings.ToLower(name)]
	i, _ := slices.BinarySearch(found, before)
	if i == 0 {
		return -1, false
	}
	return found[i-1], true
}
