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

func (s *scope) set(name, value string) {
	if s.own == nil {
		s.own = make(map[string]string)
	}
	s.own[name] = value
}

func (s *scope) declare(name string) { s.unset = append(s.unset, name) }

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

// settled returns the first scope that holds anything: stages without variables must not make lookups longer.
func (s *scope) settled() *scope {
	for s != nil && len(s.own) == 0 && len(s.unset) == 0 {
		s = s.parent
	}
	return s
}

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

func (r *resolver) stage(name string, before int) (int, bool) {
	found := r.names[strings.ToLower(name)]
	i, _ := slices.BinarySearch(found, before)
	if i == 0 {
		return -1, false
	}
	return found[i-1], true
}
