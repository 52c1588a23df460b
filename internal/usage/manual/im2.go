package manual

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/usage"
)

// CommandsFile has the targets of targets/ as commands of im2, relative to the checkout.
const CommandsFile = "cmd/im2/commands.go"

const commandsHead = `// Code generated from targets/ by "go generate ./internal/usage/manual"; DO NOT EDIT.

package main

import (
	"github.com/spf13/cobra"

	"github.com/im2-audio/im2/targets"
)

`

// Commands returns the text of CommandsFile: a command with the same help and flags for each target in
// targets, but for help, which im2 has from its library.
func Commands(targets fs.FS) ([]byte, error) {
	u, err := usage.Read(targets)
	if err != nil {
		return nil, err
	}
	var list, all bytes.Buffer
	for _, group := range u.Groups() {
		var calls []string
		for _, name := range group.Targets {
			if t, ok := u.Find(name); ok && t.Mage != "help" {
				calls = append(calls, t.Name+"Command()")
				writeCommand(&all, t)
			}
		}
		if len(calls) > 0 {
			fmt.Fprintf(&list, "\t\t{%q, []*cobra.Command{%s}},\n", group.Title, strings.Join(calls, ", "))
		}
	}
	text := commandsHead + "// groups are the commands below their headings.\nfunc groups() []group {\n\treturn []group{\n" + list.String() + "\t}\n}\n" + all.String()
	return []byte(text), nil
}

// writeCommand writes the function that makes one command.
func writeCommand(out *bytes.Buffer, t usage.Target) {
	function := strings.ToUpper(t.Name[:1]) + t.Name[1:]
	use, used, arguments := hyphenated(t.Name), "_", []string{"c.Context()"}
	if len(t.Words) > 0 {
		use, used = use+" "+strings.ToUpper(strings.Join(t.Words, " ")), "words"
	}
	for i := range t.Words {
		arguments = append(arguments, fmt.Sprintf("words[%d]", i))
	}
	fmt.Fprintf(out, "\nfunc %sCommand() *cobra.Command {\n\tc := command(%q, %q, `%s`)\n",
		t.Name, use, im2Text(t, t.Synopsis), im2Text(t, t.More))
	for _, f := range t.Flags {
		fmt.Fprintf(out, "\t%s := flag[%s](c, %q, %q)\n", f.Name, f.Type, hyphenated(f.Name), im2Text(t, f.Text))
		arguments = append(arguments, f.Name+"()")
	}
	fmt.Fprintf(out, "\tc.RunE = func(c *cobra.Command, %s []string) error {\n\t\treturn targets.%s(%s)\n\t}\n\treturn c\n}\n",
		used, function, strings.Join(arguments, ", "))
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
