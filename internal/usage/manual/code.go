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
			writeWrapper(out, t, bytes.Contains(own, []byte(`"`+usage.Hyphenated(t.Name)+`":`)))
		}
	}
	return out.Bytes(), nil
}

// writeWrapper writes the function of one target; Mage's list has it under an alias, where it has one.
func writeWrapper(out *bytes.Buffer, t usage.Target, alias bool) {
	name, arguments := usage.Capital(t.Name), []string{"ctx"}
	synopsis := name + " " + t.Synopsis
	if alias {
		synopsis = name + " (" + usage.Hyphenated(t.Name) + ") " + t.Synopsis
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
	use := strings.TrimSpace(usage.Hyphenated(t.Name) + " " + strings.ToUpper(strings.Join(t.Words, " ")))
	if i := slices.IndexFunc(t.Flags, func(f usage.Flag) bool { return f.Name == "service" || f.Name == "module" }); i >= 0 {
		use += " [" + strings.ToUpper(t.Flags[i].Name) + "...]" // "im2 logs web" is what people type
	}
	fmt.Fprintf(out, "\t\t{targets.%s, %q, %q, `%s`, ", usage.Capital(t.Name), use, im2Text(t, t.Synopsis), im2Text(t, t.More))
	var flags, examples, codes [][2]string
	for _, f := range t.Flags {
		flags = append(flags, [2]string{usage.Hyphenated(f.Name), im2Text(t, f.Text)})
	}
	note := Notes[usage.Hyphenated(t.Name)]
	for _, e := range t.Fitting(note.Examples) {
		examples = append(examples, [2]string{im2Text(t, e[0]), im2Text(t, e[1])})
	}
	for _, c := range note.Codes() {
		codes = append(codes, [2]string{c[0], im2Text(t, c[1])})
	}
	out.WriteString(pairs(flags) + ", " + pairs(examples) + ", " + pairs(codes) + "},\n")
}

// pairs is the Go source of names and texts.
func pairs(all [][2]string) string {
	if len(all) == 0 {
		return "nil"
	}
	var out strings.Builder
	out.WriteString("[][2]string{\n")
	for _, pair := range all {
		fmt.Fprintf(&out, "\t\t\t{%q, %q},\n", pair[0], pair[1])
	}
	return out.String() + "\t\t}"
}

var dashed = regexp.MustCompile(`[ "` + "`" + `]-([a-zA-Z]+)`)

// im2Text is a text about a target as im2 spells commands and flags.
func im2Text(t usage.Target, text string) string {
	return dashed.ReplaceAllStringFunc(exit.ForIM2(text), func(word string) string {
		for _, f := range t.Flags {
			if word[1:] == "-"+f.Name {
				return word[:1] + "--" + usage.Hyphenated(f.Name)
			}
		}
		return word
	})
}
