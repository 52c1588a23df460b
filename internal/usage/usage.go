// Package usage knows what can be typed: the targets with their arguments and flags, read from
// the sources that Mage compiles, so that help, completion and the words for what was typed
// wrongly are never older than the targets.
//
// Mage runs a line target by target and finds a typo only when it gets there: "mage down
// biuld" stops everything first. Usage reads the whole line before.
package usage

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// Usage is what can be typed. It is not changed after Read, but for Under.
type Usage struct {
	// Targets has every target, sorted by name.
	Targets []Target
	// Prefix begins all names where the targets were imported under a name: "im2:".
	Prefix string
	// Notes are what there is to say beside, by the targets' names without a prefix.
	Notes map[string]Note
}

// Target is one target.
type Target struct {
	// Name is what the documentation calls it: hyphenated where it has two words.
	Name string
	// Mage is the name of its function in lower case, the only one that "mage -h" takes.
	Mage string
	// Synopsis is the first line of its documentation, without the name.
	Synopsis string
	// More is the rest of its documentation.
	More string
	// Words are the arguments that must be there, in their order.
	Words []string
	// Flags are those that may follow.
	Flags []Flag
}

// Duration is the type of flags that are a time.
const Duration = "time.Duration"

// Flag is an optional argument, "-name=value".
type Flag struct {
	// Name is without the hyphen.
	Name string
	// Type is Go's: string, int, bool or Duration.
	Type string
	// Text says what it does.
	Text string
}

// Under puts a prefix in front of all names.
func (u *Usage) Under(prefix string) {
	u.Prefix = prefix
	for i := range u.Targets {
		u.Targets[i].Name, u.Targets[i].Mage = prefix+u.Targets[i].Name, prefix+u.Targets[i].Mage
	}
}

// mageMain is the program that Mage writes between the targets while it compiles them: half of it may be there, or none.
const mageMain = "mage_output_file.go"

// Read reads the targets from Go sources as Mage does: each exported function of a file that is
// built with the tag "mage", and the aliases.
func Read(sources fs.FS) (*Usage, error) {
	names, err := fs.Glob(sources, "*.go")
	if err != nil {
		return nil, fmt.Errorf("looking for the targets: %w", err)
	}
	u, aliases := &Usage{}, make(map[string]string)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || name == mageMain {
			continue
		}
		text, err := fs.ReadFile(sources, name)
		if err != nil {
			return nil, fmt.Errorf("reading the targets: %w", err)
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("reading the targets: %w", err)
		}
		if !tagged(file) {
			continue
		}
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.IsExported() {
					u.Targets = append(u.Targets, target(files, file, d))
				}
			case *ast.GenDecl:
				readAliases(d, aliases)
			}
		}
	}
	for i, t := range u.Targets {
		if alias, ok := aliases[t.Name]; ok {
			u.Targets[i].Name = alias
			continue
		}
		u.Targets[i].Name = strings.ToLower(t.Name[:1]) + t.Name[1:]
	}
	slices.SortFunc(u.Targets, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return u, nil
}

// tagged reports whether a file is built with the tag "mage" alone, or with none.
func tagged(file *ast.File) bool {
	for _, group := range file.Comments {
		if group.Pos() > file.Package {
			break
		}
		for _, line := range group.List {
			if expr, err := constraint.Parse(line.Text); err == nil {
				return expr.Eval(func(tag string) bool { return tag == "mage" })
			}
		}
	}
	return true
}

// target reads one function. Its name is the function's until the aliases are known.
func target(files *token.FileSet, file *ast.File, f *ast.FuncDecl) Target {
	t := Target{Name: f.Name.Name, Mage: strings.ToLower(f.Name.Name)}
	text := strings.TrimPrefix(strings.TrimSpace(f.Doc.Text()), f.Name.Name+" ")
	t.Synopsis, t.More, _ = strings.Cut(text, "\n")
	if strings.HasPrefix(t.Synopsis, "(") { // the alias, which the name has already
		_, t.Synopsis, _ = strings.Cut(t.Synopsis, ") ")
	}
	for _, parameter := range f.Type.Params.List {
		typ, optional := parameter.Type.(*ast.StarExpr)
		for _, name := range parameter.Names {
			switch {
			case optional:
				t.Flags = append(t.Flags, Flag{Name: name.Name, Type: word(typ.X), Text: lineComment(files, file, parameter)})
			case word(parameter.Type) != "": // not the context
				t.Words = append(t.Words, name.Name)
			}
		}
	}
	return t
}

// word is the name of a type that a target can take; "" for others.
func word(e ast.Expr) string {
	switch name := e.(type) {
	case *ast.Ident:
		return name.Name
	case *ast.SelectorExpr:
		if name.Sel.Name == "Duration" {
			return Duration
		}
	}
	return ""
}

// lineComment is the comment on the line where a parameter ends.
func lineComment(files *token.FileSet, file *ast.File, parameter *ast.Field) string {
	for _, group := range file.Comments {
		if group.Pos() > parameter.End() && files.Position(group.Pos()).Line == files.Position(parameter.End()).Line {
			return strings.TrimSpace(group.Text())
		}
	}
	return ""
}

// readAliases adds what "var Aliases" says: the alias of each function.
func readAliases(d *ast.GenDecl, aliases map[string]string) {
	for _, spec := range d.Specs {
		value, ok := spec.(*ast.ValueSpec)
		if !ok || len(value.Names) != 1 || value.Names[0].Name != "Aliases" || len(value.Values) != 1 {
			continue
		}
		list, ok := value.Values[0].(*ast.CompositeLit)
		if !ok {
			continue
		}
		for _, element := range list.Elts {
			pair, isPair := element.(*ast.KeyValueExpr)
			if !isPair {
				continue
			}
			if key, isText := pair.Key.(*ast.BasicLit); isText {
				if alias, err := strconv.Unquote(key.Value); err == nil {
					aliases[word(pair.Value)] = alias
				}
			}
		}
	}
}

// Find returns the target of a name as Mage reads it: in any case, by alias or by function.
func (u *Usage) Find(name string) (Target, bool) {
	i := slices.IndexFunc(u.Targets, func(t Target) bool { return strings.EqualFold(t.Name, name) || strings.EqualFold(t.Mage, name) })
	if i < 0 {
		return Target{}, false
	}
	return u.Targets[i], true
}

// Names returns the names of all targets.
func (u *Usage) Names() []string {
	names := make([]string, 0, len(u.Targets))
	for _, t := range u.Targets {
		names = append(names, t.Name)
	}
	return names
}

// Flag returns the flag of a name, in any case as Mage reads it.
func (t Target) Flag(name string) (Flag, bool) {
	i := slices.IndexFunc(t.Flags, func(f Flag) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		return Flag{}, false
	}
	return t.Flags[i], true
}

// Spelling is how the flag is written in help: "-force", "-jobs=NUMBER", "-fetch=false".
func (f Flag) Spelling() string {
	switch f.Type {
	case "bool":
		if f.On() {
			return "-" + f.Name + "=false"
		}
		return "-" + f.Name
	case "int":
		return "-" + f.Name + "=NUMBER"
	case Duration:
		return "-" + f.Name + "=TIME"
	default:
		return "-" + f.Name + "=" + strings.ToUpper(f.Name)
	}
}

// On reports whether a flag is on unless it is switched off.
func (f Flag) On() bool { return f.Type == "bool" && strings.Contains(f.Text, "(default true)") }
