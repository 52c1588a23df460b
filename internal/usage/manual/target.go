// Package manual is the documentation as data: what the code says of each target
// (magefiles/, and the examples declared here), and what pages say, read as commands, links
// and headings. docs/targets.md is written from it, and the tests of the documentation
// hold the pages to it.
package manual

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/im2-audio/im2/internal/usage"
)

// Target is what magefiles/ declares under one name.
type Target struct {
	// Name is what people type: the hyphenated alias where there is one.
	Name string
	// Function is the name of its function in small letters, which Mage knows it by, too.
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

// Targets reads the targets of a folder of magefiles, by name.
func Targets(folder string) ([]Target, error) {
	known, err := usage.Read(os.DirFS(folder))
	if err != nil {
		return nil, fmt.Errorf("reading the targets in %s: %w", folder, err)
	}
	targets := make([]Target, 0, len(known.Targets))
	for _, u := range known.Targets {
		t := Target{Name: u.Name, Function: u.Mage, Help: strings.TrimSpace(u.Synopsis + "\n" + u.More), Arguments: u.Words}
		for _, f := range u.Flags {
			does, otherwise := parts(f.Text)
			t.Flags = append(t.Flags, Flag{Name: f.Name, Type: f.Type, Does: does, Default: otherwise})
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// parts tells what a flag does from its default in brackets.
func parts(comment string) (does, otherwise string) {
	m := regexp.MustCompile(`^(.*) \(default:? (.*)\)$`).FindStringSubmatch(comment)
	if m == nil {
		return comment, ""
	}
	return m[1], m[2]
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
