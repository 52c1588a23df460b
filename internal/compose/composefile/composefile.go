// Package composefile finds places in Compose files: compose-go tells what a project is, but not on which line
// it says so. Anchors, merges, extends and include are followed to the file and the line that count.
package composefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/im2-audio/im2/internal/compose/edit"
)

// Limits on what is read, so that a hostile file costs no more than an honest one.
const (
	// maxNodes is how many nodes the files may have with every alias written out.
	maxNodes = 500_000
	// maxHops is how many aliases, merges, extends and includes are followed in a row.
	maxHops = 64
)

// ErrTooLarge is returned for aliases of aliases that come to more than anybody writes.
var ErrTooLarge = errors.New("its aliases expand to more than half a million nodes")

// File is one YAML file.
type File struct {
	edit.Source
	// Docs are its documents' top nodes.
	Docs []*yaml.Node

	indices map[*yaml.Node]map[string]int // of keys in Content, by mapping
}

// Place is where something is in a file.
type Place struct {
	// File has it.
	File *File
	// Key is the mapping key's node; nil for an item of a list.
	Key *yaml.Node
	// Value is the node itself, aliases followed.
	Value *yaml.Node
	// Parent is the mapping or list that it is in.
	Parent *yaml.Node
}

// Node is the key's node, or the value's where there is none: its Line and Column are where the place begins.
func (p Place) Node() *yaml.Node {
	if p.Key != nil {
		return p.Key
	}
	return p.Value
}

// Set is the Compose files of one project.
type Set struct {
	main  []string
	files map[string]*File
	read  func(path string) ([]byte, error)
}

// Open reads the files, of which later ones override earlier ones. read reads a file.
func Open(paths []string, read func(path string) ([]byte, error)) (*Set, error) {
	s := &Set{files: make(map[string]*File), read: read}
	for _, path := range paths {
		path = filepath.Clean(path)
		s.main = append(s.main, path)
		if _, err := s.file(path); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Set) file(path string) (*File, error) {
	path = filepath.Clean(path)
	if f, ok := s.files[path]; ok {
		return f, nil
	}
	text, err := s.read(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(path, text)
	if err != nil {
		return nil, err
	}
	s.files[path] = f
	return f, nil
}

// Files returns every file that was read so far, by path.
func (s *Set) Files() []*File {
	return slices.SortedFunc(maps.Values(s.files), func(a, b *File) int { return strings.Compare(a.Path, b.Path) })
}

// Parse parses one file.
func Parse(path string, text []byte) (*File, error) {
	f := &File{Source: edit.NewSource(path, text), indices: make(map[*yaml.Node]map[string]int)}
	decoder := yaml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if len(doc.Content) == 1 {
			f.Docs = append(f.Docs, doc.Content[0])
		}
	}
	memo, total := make(map[*yaml.Node]int), 0
	for _, doc := range f.Docs {
		total += size(doc, memo)
	}
	if total > maxNodes {
		return nil, fmt.Errorf("reading %s: %w", path, ErrTooLarge)
	}
	return f, nil
}

// size counts the nodes below n with aliases expanded, up to one more than maxNodes.
func size(n *yaml.Node, memo map[*yaml.Node]int) int {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if known, ok := memo[n]; ok {
		return known
	}
	memo[n] = maxNodes + 1 // an alias of what it is in has no end
	total := 1
	for _, child := range n.Content {
		if total += size(child, memo); total > maxNodes {
			return maxNodes + 1
		}
	}
	memo[n] = total
	return total
}
