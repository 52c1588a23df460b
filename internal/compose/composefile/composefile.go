// Package composefile finds the places in Compose files where things stand: compose-go
// tells what a project is, but not on which line it says so. Anchors, merges, extends and
// include are followed to the file and the line that count.
package composefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits on what is read, so that a hostile file costs no more than an honest one.
const (
	// maxNodes is how many nodes the files may have with every alias written out.
	maxNodes = 500_000
	// maxHops is how many aliases, merges, extends and includes are followed in a row.
	maxHops = 64
	// largeMapping is from how many nodes on a mapping's keys are kept in a map.
	largeMapping = 64
)

// ErrTooLarge is returned for aliases of aliases that come to more than anybody writes.
var ErrTooLarge = errors.New("its aliases come to more than half a million nodes")

// File is one YAML file.
type File struct {
	// Path is where it is.
	Path string
	// Text is what is in it.
	Text []byte
	// Docs are its documents' top nodes.
	Docs []*yaml.Node

	lines   []int // the offset of each line's start
	indices map[*yaml.Node]map[string]int
}

// Place is where something stands.
type Place struct {
	// File has it.
	File *File
	// Key is the mapping key's node; nil for an item of a list.
	Key *yaml.Node
	// Value is the node itself, aliases followed.
	Value *yaml.Node
	// Parent is the mapping or list that it stands in.
	Parent *yaml.Node
}

// Line and Column are where the key, or the value where there is none, begins, from 1.
func (p Place) Line() int { return p.node().Line }

// Column is counted in characters, as YAML does.
func (p Place) Column() int { return p.node().Column }

func (p Place) node() *yaml.Node {
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
	var all []*File
	for _, f := range s.files {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *File) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// Parse parses one file.
func Parse(path string, text []byte) (*File, error) {
	f := &File{Path: path, Text: text, lines: []int{0}}
	for i, c := range text {
		if c == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	bom := []byte("\ufeff")
	if bytes.HasPrefix(text, bom) {
		f.lines[0] = len(bom)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, bom)))
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
	memo[n] = maxNodes + 1 // an alias of what it stands in has no end
	total := 1
	for _, child := range n.Content {
		if total += size(child, memo); total > maxNodes {
			return maxNodes + 1
		}
	}
	memo[n] = total
	return total
}

var lineNumber = regexp.MustCompile(`line (\d+)`)

// ErrorLine finds the line in an error of the YAML parser; 0 where it names none.
func ErrorLine(err error) int {
	m := lineNumber.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	line, _ := strconv.Atoi(m[1])
	return line
}

// Offset is the byte at which a line and column stand, both from 1.
func (f *File) Offset(line, column int) int {
	if line < 1 || line > len(f.lines) {
		return len(f.Text)
	}
	at := f.lines[line-1]
	for ; column > 1 && at < len(f.Text) && f.Text[at] != '\n'; column-- {
		at += len(firstRune(f.Text[at:]))
	}
	return at
}

// LineStart is the offset of a line, and of the text's end for one behind the last.
func (f *File) LineStart(line int) int {
	if line < 1 || line > len(f.lines) {
		return len(f.Text)
	}
	return f.lines[line-1]
}

func firstRune(text []byte) []byte {
	n := 1
	for n < len(text) && text[n]&0xC0 == 0x80 {
		n++
	}
	return text[:n]
}

// Newline is how the file ends its lines.
func (f *File) Newline() string {
	if bytes.Contains(f.Text, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}
