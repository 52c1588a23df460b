package scenario_test

import (
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/im2-audio/im2/internal/usage"
)

// docCall is one target in a command line, with what it was given. Without a target it is
// one of Mage's own (mage -l).
type docCall struct {
	// Target is the name; "" for Mage's own.
	Target string
	// Arguments are what is no flag; of Mage's own all of them.
	Arguments []string
	// Flags are by name; the value of one without a value is "true".
	Flags map[string]string
}

// shellProgram is a simple command of a shell: its words, quotes removed, variables as written.
type shellProgram []string

// shellPrograms reads shell text as the simple commands that are in it, whatever joins them.
func shellPrograms(text string) ([]shellProgram, error) {
	file, err := syntax.NewParser().Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, fmt.Errorf("reading shell commands: %w", err)
	}
	var found []shellProgram
	syntax.Walk(file, func(node syntax.Node) bool {
		if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			var words shellProgram
			for _, word := range call.Args {
				words = append(words, plain(word))
			}
			found = append(found, words)
		}
		return true
	})
	return found, nil
}

// plain is a word without its quotes.
func plain(word *syntax.Word) string {
	var text strings.Builder
	var add func(parts []syntax.WordPart)
	add = func(parts []syntax.WordPart) {
		for _, part := range parts {
			switch p := part.(type) {
			case *syntax.Lit:
				text.WriteString(p.Value)
			case *syntax.SglQuoted:
				text.WriteString(p.Value)
			case *syntax.DblQuoted:
				add(p.Parts)
			case *syntax.ParamExp:
				text.WriteString("$" + p.Param.Value)
			default:
				text.WriteString("$")
			}
		}
	}
	add(word.Parts)
	return text.String()
}

// mages are the ways to start Mage.
func mages() [][]string {
	return [][]string{{"mage"}, {"go", "run", "magefile.go"}, {"go", "tool", "mage"}}
}

// Mage returns what a program gives to Mage, and false where it is another program. What
// comes before it to change who runs it, and with which variables, does not count.
func (p shellProgram) Mage() ([]string, bool) {
	p = p.bare()
	for _, way := range mages() {
		if len(p) >= len(way) && slices.Equal([]string(p[:len(way)]), way) {
			return p[len(way):], true
		}
	}
	return nil, false
}

// bare is the program without sudo and env.
func (p shellProgram) bare() shellProgram {
	for len(p) > 0 && (p[0] == "sudo" || p[0] == "env" || strings.Contains(p[0], "=")) {
		p = p[1:]
	}
	return p
}

// readCalls reads what Mage was given. A name that is no target, an unknown flag and an
// argument too few are errors.
func readCalls(targets *usage.Usage, words []string) ([]docCall, error) {
	var calls []docCall
	words = withoutFolders(words)
	if len(words) == 0 || strings.HasPrefix(words[0], "-") {
		return []docCall{{Arguments: words}}, nil
	}
	for len(words) > 0 {
		t, ok := targets.Find(words[0])
		if !ok {
			return nil, fmt.Errorf("there is no target %q", words[0])
		}
		call := docCall{Target: t.Name, Flags: make(map[string]string)}
		words = words[1:]
		if len(words) < len(t.Words) {
			return nil, fmt.Errorf("%s needs %s", t.Name, strings.Join(t.Words, ", "))
		}
		call.Arguments, words = words[:len(t.Words)], words[len(t.Words):]
		if t.Name == "help" && len(words) > 0 {
			if _, ok := targets.Find(words[0]); ok { // the only argument of a target that may be left out
				call.Arguments, words = words[:1], words[1:]
			}
		}
		for len(words) > 0 && strings.HasPrefix(words[0], "-") {
			if words[0] == "-h" || words[0] == "--help" {
				return []docCall{{Target: "help", Arguments: []string{t.Name}}}, nil // wherever it is, nothing runs
			}
			name, value, given := strings.Cut(strings.TrimLeft(words[0], "-"), "=")
			f, ok := t.Flag(name)
			if !ok {
				return nil, fmt.Errorf("%s has no flag -%s", t.Name, name)
			}
			if !given {
				value = "true"
			}
			call.Flags[f.Name] = value
			words = words[1:]
		}
		calls = append(calls, call)
	}
	return calls, nil
}

// withoutFolders drops Mage's -w FOLDER and -d FOLDER: the targets are the same there.
func withoutFolders(words []string) []string {
	for len(words) > 1 && (words[0] == "-w" || words[0] == "-d") {
		words = words[2:]
	}
	return words
}

// Like reports whether two calls are of the same target with the same flags; of the
// values only those of switches count.
func (c docCall) Like(other docCall) bool {
	if c.Target != other.Target || len(c.Flags) != len(other.Flags) {
		return false
	}
	for name, value := range c.Flags {
		otherValue, ok := other.Flags[name]
		if !ok || isSwitch(value) != isSwitch(otherValue) || isSwitch(value) && value != otherValue {
			return false
		}
	}
	return true
}

func isSwitch(value string) bool { return value == "true" || value == "false" }

// String is the call as a command line.
func (c docCall) String() string {
	words := append([]string{"mage"}, c.Target)
	if c.Target == "" {
		words = words[:1]
	}
	words = append(words, c.Arguments...)
	names := make([]string, 0, len(c.Flags))
	for name, value := range c.Flags {
		names = append(names, "-"+name+"="+value)
	}
	slices.Sort(names)
	return strings.Join(append(words, names...), " ")
}
