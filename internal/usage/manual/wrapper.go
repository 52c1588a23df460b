package manual

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// WrapperFile has the targets of targets/ for the checkout itself, relative to it.
const WrapperFile = "magefiles/targets.go"

// wrapperHead begins that file.
const wrapperHead = `// Code generated from targets/ by "go generate ./internal/usage/manual"; DO NOT EDIT.

// Other projects write "mage:import" instead. There Mage asks the Go command twice for all that the
// targets import, each time that it starts, which here would make "mage -l" many times slower.

//go:build mage

package main

import (
	"context"

	"github.com/im2-audio/im2/targets"
)
`

// Wrappers returns the text of WrapperFile: a function with the same help and flags for each target in
// targets, but for those that magefiles declares itself.
func Wrappers(targets, magefiles fs.FS) ([]byte, error) {
	own, err := texts(magefiles)
	if err != nil {
		return nil, err
	}
	delete(own, "targets.go")
	all := strings.Join(sorted(own), "\n")
	files, err := texts(targets)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(wrapperHead)
	for _, text := range sorted(files) {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "", text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("reading the targets: %w", err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || strings.Contains(all, "\nfunc "+f.Name.Name+"(") {
				continue
			}
			head := text[set.Position(f.Pos()).Offset:set.Position(f.Body.Pos()).Offset]
			fmt.Fprintf(&out, "\n%s%s{\n\treturn targets.%s(%s)\n}\n", comment(f, all), head, f.Name.Name, strings.Join(arguments(f), ", "))
		}
	}
	return out.Bytes(), nil
}

// comment is the documentation of a target, with its alias where there is one.
func comment(f *ast.FuncDecl, magefiles string) string {
	var lines []string
	for _, line := range f.Doc.List {
		lines = append(lines, line.Text+"\n")
	}
	alias := strings.ToLower(regexp.MustCompile(`(.)([A-Z])`).ReplaceAllString(f.Name.Name, "$1-$2"))
	if strings.Contains(magefiles, `"`+alias+`":`) {
		lines[0] = strings.Replace(lines[0], f.Name.Name, f.Name.Name+" ("+alias+")", 1)
	}
	return strings.Join(lines, "")
}

// arguments are the names of the parameters of a function.
func arguments(f *ast.FuncDecl) (names []string) {
	for _, field := range f.Type.Params.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

// texts are the Go files of a folder, without tests, by name.
func texts(folder fs.FS) (map[string]string, error) {
	names, err := fs.Glob(folder, "*.go")
	if err != nil {
		return nil, err
	}
	files := make(map[string]string)
	for _, name := range names {
		// Mage puts a file there while it compiles the targets, and then removes it.
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "mage_output") {
			continue
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		files[name] = string(text)
	}
	return files, nil
}

// sorted are the texts in the order of their names.
func sorted(files map[string]string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		all = append(all, files[name])
	}
	return all
}
