package composefile

import (
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Find returns where the key of a service is that counts, or the service without a path: an override before what
// it overrides, the service's own before what it merges, that before what it extends.
func (s *Set) Find(service string, path ...string) (Place, bool) {
	return s.FindIn("services", service, path...)
}

// FindIn is Find for an entry of another section than services, such as jobs.
func (s *Set) FindIn(section, name string, path ...string) (Place, bool) {
	for _, file := range slices.Backward(s.main) {
		if place, ok := s.findIn(file, section, name, path, maxHops); ok {
			return place, true
		}
	}
	return Place{}, false
}

func (s *Set) entryIn(path, section, name string, seen map[string]bool) (Place, bool) {
	f, err := s.file(path)
	if err != nil || seen[f.Path] {
		return Place{}, false
	}
	seen[f.Path] = true
	for _, doc := range slices.Backward(f.Docs) {
		if place, ok := below(Place{File: f, Value: doc}, []string{section, name}); ok {
			return place, true
		}
	}
	for _, included := range f.includes() {
		if place, ok := s.entryIn(included, section, name, seen); ok {
			return place, true
		}
	}
	return Place{}, false
}

func (s *Set) findIn(path, section, name string, keys []string, hops int) (Place, bool) {
	at, ok := s.entryIn(path, section, name, make(map[string]bool))
	if !ok {
		return Place{}, false
	}
	if place, ok := below(at, keys); ok {
		return place, true
	}
	extends, ok := below(at, []string{"extends"})
	if !ok || hops == 0 {
		return Place{}, false
	}
	file, base := at.File.Path, extends.Value.Value
	if name, ok := below(extends, []string{"service"}); ok {
		base = name.Value.Value
	}
	if from, ok := below(extends, []string{"file"}); ok {
		file = beside(at.File.Path, from.Value.Value)
	}
	return s.findIn(file, section, base, keys, hops-1)
}

func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

func (f *File) includes() []string {
	var paths []string
	add := func(n *yaml.Node) {
		if n = resolve(n); n.Kind == yaml.ScalarNode && !strings.Contains(n.Value, "://") {
			paths = append(paths, beside(f.Path, n.Value))
		}
	}
	for _, doc := range f.Docs {
		list, ok := below(Place{File: f, Value: doc}, []string{"include"})
		if !ok {
			continue
		}
		for _, entry := range list.Value.Content {
			if path, ok := below(Place{File: f, Value: entry}, []string{"path"}); ok {
				entry = path.Value
			}
			if entry = resolve(entry); entry.Kind == yaml.SequenceNode {
				for _, path := range entry.Content {
					add(path)
				}
				continue
			}
			add(entry)
		}
	}
	return paths
}

// Below returns where a key below this place is, through aliases and merges.
func (p Place) Below(path ...string) (Place, bool) { return below(p, path) }

// Items returns the places of a list's items, or of a mapping's values.
func (p Place) Items() []Place {
	n := resolve(p.Value)
	var all []Place
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			all = append(all, Place{File: p.File, Value: resolve(item), Parent: n})
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			all = append(all, Place{File: p.File, Key: n.Content[i], Value: resolve(n.Content[i+1]), Parent: n})
		}
	}
	return all
}

func below(at Place, path []string) (Place, bool) {
	for _, key := range path {
		next, ok := child(at, key, maxHops)
		if !ok {
			return Place{}, false
		}
		at = next
	}
	at.Value = resolve(at.Value)
	return at, true
}

func child(at Place, key string, hops int) (Place, bool) {
	n := resolve(at.Value)
	if n.Kind != yaml.MappingNode || hops == 0 {
		return Place{}, false
	}
	if i, ok := at.File.index(n, key); ok {
		return Place{File: at.File, Key: n.Content[i], Value: resolve(n.Content[i+1]), Parent: n}, true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		sources := []*yaml.Node{n.Content[i+1]}
		if merged := resolve(sources[0]); merged.Kind == yaml.SequenceNode {
			sources = merged.Content
		}
		for _, source := range sources {
			if found, ok := child(Place{File: at.File, Value: source}, key, hops-1); ok {
				return found, true
			}
		}
	}
	return Place{}, false
}

// index is where a mapping has a key, by a map: files with thousands of keys must not take time.
func (f *File) index(n *yaml.Node, key string) (int, bool) {
	known, ok := f.indices[n]
	if !ok {
		known = make(map[string]int, len(n.Content)/2)
		for i := len(n.Content) - 2; i >= 0; i -= 2 { // the first of equal keys stays
			if k := n.Content[i]; k.Tag != "!!merge" {
				known[k.Value] = i
			}
		}
		f.indices[n] = known
	}
	i, ok := known[key]
	return i, ok
}

func resolve(n *yaml.Node) *yaml.Node {
	if n == nil { // of a place that was not found
		return new(yaml.Node)
	}
	for range maxHops {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			break
		}
		n = n.Alias
	}
	return n
}
