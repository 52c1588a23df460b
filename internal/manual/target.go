// Package manual is the documentation as data: what the code says of each target
// (magefiles/, and the examples declared here), and what pages say, read as commands, links
// and headings. docs/targets.md is written from it, and the tests of the documentation
// hold the pages to it.
package manual

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/magefile/mage/parse"
)

// Target is what magefiles/ declares under one name.
type Target struct {
	// Name is what people type: the hyphenated alias where there is one.
	Name string
	// Function is the name as "mage -l" and "mage -h" have it.
	Function string
	// Help is the whole help text, without the name that it begins with.
	Help string
	// Arguments are the names of what must be given, in order.
	Arguments []string
	// Flags are what may be given, in the order of the declaration.
	Flags []Flag
}

// Flag is an optional argument of a target.
type Flag struct {
	// Name is without the hyphen.
	Name string
	// Type is string, bool or int.
	Type string
	// Does is what it is for.
	Does string
	// Default is what holds without the flag; "" where its type's zero value does.
	Default string
}

// Targets reads the targets of a folder of magefiles, by name, as Mage itself does.
func Targets(folder string) ([]Target, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("looking for the targets in %s: %w", folder, err)
	}
	// What Mage generates to compile the targets is beside them for a while.
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasPrefix(filepath.Base(name), "mage_output") })
	for i, name := range files {
		files[i] = filepath.Base(name)
	}
	info, err := parse.PrimaryPackage("go", folder, files, true)
	if err != nil {
		return nil, fmt.Errorf("reading the targets in %s: %w", folder, err)
	}
	aliases := make(map[string]string)
	for alias, f := range info.Aliases {
		aliases[f.Name] = alias
	}
	targets := make([]Target, 0, len(info.Funcs))
	for _, f := range info.Funcs {
		targets = append(targets, newTarget(f, aliases[f.Name]))
	}
	slices.SortFunc(targets, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return targets, nil
}

func newTarget(f *parse.Function, alias string) Target {
	t := Target{Name: alias, Function: lowerFirst(f.Name), Help: helpOf(f)}
	if alias == "" {
		t.Name = t.Function
	}
	for _, arg := range f.Args {
		if !arg.Optional {
			t.Arguments = append(t.Arguments, arg.Name)
			continue
		}
		does, otherwise := parts(arg.Comment)
		t.Flags = append(t.Flags, Flag{Name: arg.Name, Type: arg.Type, Does: does, Default: otherwise})
	}
	return t
}

// helpOf takes the name, and the alias in brackets behind it, from a doc comment.
func helpOf(f *parse.Function) string {
	text := strings.TrimSpace(strings.TrimPrefix(f.Comment, f.Name))
	if strings.HasPrefix(text, "(") {
		_, text, _ = strings.Cut(text, ") ")
	}
	return text
}

// parts tells what a flag does from its default in brackets.
func parts(comment string) (does, otherwise string) {
	m := regexp.MustCompile(`^(.*) \(default:? (.*)\)$`).FindStringSubmatch(comment)
	if m == nil {
		return comment, ""
	}
	return m[1], m[2]
}

// lowerFirst is how Mage spells a function's name in its list.
func lowerFirst(name string) string {
	runes := []rune(name)
	runes[0] = unicode.ToLower(runes[0])
	return string(runes)
}

// Find returns the target of a name, as people may spell it: Mage knows no difference
// between small and capital letters.
func Find(targets []Target, name string) (Target, bool) {
	for _, t := range targets {
		if strings.EqualFold(name, t.Name) || strings.EqualFold(name, t.Function) {
			return t, true
		}
	}
	return Target{}, false
}

// Flag returns the flag of a name.
func (t Target) Flag(name string) (Flag, bool) {
	for _, f := range t.Flags {
		if strings.EqualFold(name, f.Name) {
			return f, true
		}
	}
	return Flag{}, false
}

// Usage is the command line with everything that can be given.
func (t Target) Usage() string {
	words := []string{"mage", t.Name}
	for _, name := range t.Arguments {
		words = append(words, strings.ToUpper(name))
	}
	for _, f := range t.Flags {
		words = append(words, "["+f.Usage()+"]")
	}
	return strings.Join(words, " ")
}

// Usage is how the flag is written.
func (f Flag) Usage() string {
	switch {
	case f.Type == "bool" && f.Default == "true":
		return "-" + f.Name + "=false"
	case f.Type == "bool":
		return "-" + f.Name
	case f.Type == "int":
		return "-" + f.Name + "=N"
	}
	switch f.Name {
	case "module", "service", "user":
		return "-" + f.Name + "=NAME"
	case "dir", "path":
		return "-" + f.Name + "=FOLDER"
	}
	return "-" + f.Name + "=TEXT"
}
