// Package dockerfile reads Dockerfiles with BuildKit's own parser and answers what can be
// known without building: which stages a build reaches, which images and addresses they
// are made from, and which user the result runs as, with all variables expanded as
// BuildKit would.
package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/im2-audio/im2/internal/compose/edit"
)

// Scratch is the name in FROM that stands for no image at all.
const Scratch = "scratch"

// Limits of what is read: far above what any engine builds (an image has at most 127
// layers), and low enough for a hostile file to cost no more than an honest one.
const (
	// maxInstructions is how many instructions a file may have.
	maxInstructions = 10_000
	// maxValues is how many bytes all values of variables may come to, and any one word.
	maxValues = 1 << 20
	// maxNesting is how many ${...} a word may have, since they may be nested.
	maxNesting = 1000
	// maxTriggers is how many ONBUILD instructions may run, those far down counting more.
	maxTriggers = 10_000
)

// ErrTooLarge is returned for a file beyond these limits.
var ErrTooLarge = errors.New("more than any engine would build")

// File is a Dockerfile that could be parsed.
type File struct {
	edit.Source
	// AST is BuildKit's syntax tree.
	AST *parser.Node
	// Escape is the character that continues lines and escapes variables: \ or `.
	Escape rune
	// Meta are the ARG instructions before the first FROM.
	Meta []instructions.ArgCommand
	// Stages are the build stages, in order; there is at least one.
	Stages []instructions.Stage
}

// SyntaxError is returned for text that is no Dockerfile.
type SyntaxError struct {
	// Path is the file.
	Path string
	// Line and Column are where, from 1; the column is that of the instruction, since
	// BuildKit's parser knows no better. Line is 0 where there is no such place.
	Line, Column int
	// Err is what is wrong.
	Err error
}

// Error is "PATH:LINE:COLUMN: what is wrong".
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s:%d:%d: %v", e.Path, e.Line, e.Column, e.Err)
}

// Unwrap returns what is wrong.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Parse parses a Dockerfile. An error is a *SyntaxError.
func Parse(path string, text []byte) (*File, error) {
	f := &File{Source: edit.NewSource(path, text)}
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, f.syntaxError(err)
	}
	if n := len(tree.AST.Children); n > maxInstructions {
		return nil, &SyntaxError{Path: path, Err: fmt.Errorf("%d instructions: %w", n, ErrTooLarge)}
	}
	f.AST, f.Escape = tree.AST, tree.EscapeToken
	if f.Stages, f.Meta, err = instructions.Parse(tree.AST, linter.New(&linter.Config{SkipAll: true})); err != nil {
		return nil, f.syntaxError(err)
	}
	if len(f.Stages) == 0 {
		return nil, &SyntaxError{Path: path, Err: errors.New("no FROM: nothing to build on")}
	}
	return f, nil
}

// Line is where a location begins, from 1; 0 for none.
func Line(at []parser.Range) int {
	if len(at) == 0 {
		return 0
	}
	return at[0].Start.Line
}

// LastLine is where a location ends, from 1; 0 for none.
func LastLine(at []parser.Range) int {
	if len(at) == 0 {
		return 0
	}
	return at[len(at)-1].End.Line
}

func (f *File) syntaxError(err error) *SyntaxError {
	e := &SyntaxError{Path: f.Path, Err: err}
	var located *parser.LocationError
	if errors.As(err, &located) && len(located.Locations) > 0 {
		e.Line = Line(located.Locations[0])
		e.Err = located.Unwrap()
	}
	e.Column = f.Indented(e.Line)
	text := e.Err.Error()
	if _, rest, ok := strings.Cut(text, fmt.Sprintf("parse error on line %d: ", e.Line)); ok {
		e.Err = errors.New(rest)
	}
	return e
}

// Target returns the index of the stage that is built for a target name: the last one for
// "", otherwise the stage of that name (without regard to case, and the last of several, as
// BuildKit looks) or number. ok is false where there is none.
func (f *File) Target(name string) (index int, ok bool) {
	if name == "" {
		return len(f.Stages) - 1, true
	}
	for i, stage := range slices.Backward(f.Stages) {
		if strings.EqualFold(stage.Name, name) {
			return i, true
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(f.Stages) {
		return n, true
	}
	return -1, false
}

// StageNames returns the names of the stages that have one.
func (f *File) StageNames() []string {
	var names []string
	for _, s := range f.Stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}
