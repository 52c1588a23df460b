package manual

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/usage"
)

// Files that are generated from targets/, relative to the checkout: WrapperFile has those targets for the
// checkout itself, CommandsFile as commands of im2.
const (
	WrapperFile  = "magefiles/targets.go"
	CommandsFile = "cmd/im2/commands.go"
)

const generated = "// Code generated from targets/ by \"go generate ./internal/usage/manual\"; DO NOT EDIT.\n\n"

const wrapperHead = generated + `// Other projects write "mage:import" instead. There Mage asks the Go command twice for all that the
// targets import, each time that it starts, which here would make "mage -l" many times slower.

//go:build mage

package main

import (
	"context"
	"time"

	"github.com/im2-audio/im2/targets"
)
`

const commandsHead = generated + `package main

import "github.com/im2-audio/im2/targets"

// groups are the commands below their headings.
var groups = []group{
`

// Wrappers returns the text of WrapperFile: a function with the same help and flags for each target in
// targets, but for those that magefiles declares itself.
func Wrappers(targets, magefiles fs.FS) ([]byte, error) {
	u, err := usage.Read(targets)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(magefiles, "*.go")
	if err != nil {
		return nil, err
	}
	var own []byte
	for _, name := range names {
		// Mage puts a file there while it compiles the targets, and then removes it.
		if name == "targets.go" || strings.HasPrefix(name, "mage_output") {
			continue
		}
		text, err := fs.ReadFile(magefiles, name)
		if err != nil {
			return nil, err
		}
		own = append(own, text...)
	}
	out := bytes.NewBufferString(wrapperHead)
	for _, t := range u.Targets {
		if !bytes.Contains(own, []byte("\nfunc "+usage.Capital(t.Name)+"(")) {
			writeWrapper(out, t, bytes.Contains(own, []byte(`"`+hyphenated(t.Name)+`":`)))
		}
	}
	return out.Bytes(), nil
}

// writeWrapper writes the function of one target; Mage's list has it under an alias, where it has one.
func writeWrapper(out *bytes.Buffer, t usage.Target, alias bool) {
	name, arguments := usage.Capital(t.Name), []string{"ctx"}
	synopsis := name + " " + t.Synopsis
	if alias {
		synopsis = name + " (" + hyphenated(t.Name) + ") " + t.Synopsis
	}
	for line := range strings.SplitSeq(strings.TrimSpace(synopsis+"\n"+t.More), "\n") {
		out.WriteString("\n// " + line)
	}
	fmt.Fprintf(out, "\nfunc %s(ctx context.Context", name)
	for _, word := range t.Words {
		fmt.Fprintf(out, ", %s string", word)
		arguments = append(arguments, word)
	}
	for i, f := range t.Flags {
		if i == 0 {
			out.WriteString(",\n")
		}
		fmt.Fprintf(out, "\t%s *%s, // %s\n", f.Name, f.Type, f.Text)
		arguments = append(arguments, f.Name)
	}
	fmt.Fprintf(out, ") error {\n\treturn targets.%s(%s)\n}\n", name, strings.Join(arguments, ", "))
}

// Commands returns the text of CommandsFile: a command with the same help and flags for each target in
// targets, but for help, which im2 has from its library.
func Commands(targets fs.FS) ([]byte, error) {
	u, err := usage.Read(targets)
	if err != nil {
		return nil, err
	}
	out := bytes.NewBufferString(commandsHead)
	for _, group := range u.Groups() {
		if !slices.ContainsFunc(group.Targets, func(name string) bool { _, ok := u.Find(name); return ok && name != "help" }) {
			continue
		}
		fmt.Fprintf(out, "\t{%q, []target{\n", group.Title)
		for _, name := range group.Targets {
			if t, ok := u.Find(name); ok && name != "help" {
				writeTarget(out, t)
			}
		}
		out.WriteString("\t}},\n")
	}
	out.WriteString("}\n")
	return out.Bytes(), nil
}

// writeTarget writes the entry of one command.
func writeTarget(out *bytes.Buffer, t usage.Target) {
	use := strings.TrimSpace(hyphenated(t.Name) + " " + strings.ToUpper(strings.Join(t.Words, " ")))
	fmt.Fprintf(out, "\t\t{targets.%s, %q, %q, `%s`, ", usage.Capital(t.Name), use, im2Text(t, t.Synopsis), im2Text(t, t.More))
	if len(t.Flags) == 0 {
		out.WriteString("nil},\n")
		return
	}
	out.WriteString("[][2]string{\n")
	for _, f := range t.Flags {
		fmt.Fprintf(out, "\t\t\t{%q, %q},\n", hyphenated(f.Name), im2Text(t, f.Text))
	}
	out.WriteString("\t\t}},\n")
}

var (
	upperCase = regexp.MustCompile(`([a-z])([A-Z])`)
	dashed    = regexp.MustCompile(` -([a-zA-Z]+)`)
)

// hyphenated is a name as im2 spells it: dry-run for dryRun.
func hyphenated(name string) string {
	return strings.ToLower(upperCase.ReplaceAllString(name, "$1-$2"))
}

// im2Text is a text about a target as im2 spells commands and flags.
func im2Text(t usage.Target, text string) string {
	return dashed.ReplaceAllStringFunc(exit.ForIM2(text), func(word string) string {
		for _, f := range t.Flags {
			if word == " -"+f.Name {
				return " --" + hyphenated(f.Name)
			}
		}
		return word
	})
}
