package usage

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/term/closest"
)

// Candidate is one thing that may stand at the end of a line.
type Candidate struct {
	// Value is the whole word.
	Value string
	// Text says what it is; may be empty.
	Text string
}

// Paths stand for what the shell completes by itself.
const (
	Files   = ":files"
	Folders = ":folders"
)

// Values returns what an argument of a target may be, or Files or Folders alone. name is that
// of the argument or flag; project is the folder that -w names, or "".
type Values func(project, target, name string) []Candidate

// Complete returns what the last word of line may be; line ends at the cursor and begins with
// the command. A line that ends in a space has an empty last word.
func (u *Usage) Complete(line string, values Values) []Candidate {
	words := strings.Fields(line)
	if len(words) == 0 || strings.TrimRight(line, " \t\n") != line {
		words = append(words, "")
	}
	last := words[len(words)-1]
	c := completion{usage: u, values: values}
	c.mages(words[min(1, len(words)-1) : len(words)-1])
	all := c.next(last)
	return slices.DeleteFunc(all, func(c Candidate) bool {
		return !strings.HasPrefix(c.Value, last) && c.Value != Files && c.Value != Folders
	})
}

// completion is how far a line has been read.
type completion struct {
	usage   *Usage
	values  Values
	project string // of -w
	wants   string // the option of Mage's whose value is next
	helped  bool   // -h: only a target's name as Mage has it may follow
	at      *Target
	missing []string // words that at still needs
	given   []string // flags that at has, in lower case
	begun   bool     // there was a target
}

// mages reads the options of Mage itself, which come first, and then the targets.
func (c *completion) mages(words []string) {
	for i, word := range words {
		switch {
		case c.wants != "":
			c.option(word)
		case !strings.HasPrefix(word, "-"):
			c.targets(words[i:])
			return
		default:
			name, value, valued := strings.Cut(strings.TrimLeft(word, "-"), "=")
			c.helped = c.helped || name == "h"
			if slices.Contains([]string{"w", "d", "t", "compile", "gocmd", "goos", "goarch", "ldflags", "install"}, name) {
				if c.wants = name; valued {
					c.option(value)
				}
			}
		}
	}
}

// option takes the value of an option of Mage's.
func (c *completion) option(value string) {
	if c.wants == "w" {
		c.project = value
	}
	c.wants = ""
}

// targets reads targets with their arguments.
func (c *completion) targets(words []string) {
	for _, word := range words {
		switch {
		case len(c.missing) > 0:
			c.missing = c.missing[1:]
		case c.at != nil && strings.HasPrefix(word, "-"):
			name, _, _ := strings.Cut(word[1:], "=")
			c.given = append(c.given, strings.ToLower(name))
		default:
			c.at, c.given = nil, nil
			if t, ok := c.usage.Find(word); ok {
				c.at, c.missing = &t, slices.Clone(t.Words)
			}
		}
		c.begun = true
	}
}

// next returns what may come now. word is what is there of it.
func (c *completion) next(word string) []Candidate {
	switch {
	case c.wants == "w" || c.wants == "d":
		return []Candidate{{Value: Folders}}
	case c.wants != "":
		return nil
	case len(c.missing) > 0:
		return c.values(c.project, c.at.Name, c.missing[0])
	case !strings.HasPrefix(word, "-"):
		return c.names()
	case c.at != nil:
		return c.flags(word)
	case !c.begun:
		return options()
	}
	return nil
}

// names are the targets.
func (c *completion) names() []Candidate {
	var all []Candidate
	for _, t := range c.usage.Targets {
		all = append(all, Candidate{t.Name, t.brief()})
		if c.helped {
			all[len(all)-1].Value = t.Mage
		}
	}
	return all
}

// flags are those that the target may still have, or the values of the one in word.
func (c *completion) flags(word string) []Candidate {
	name, _, valued := strings.Cut(word[1:], "=")
	if !valued {
		var all []Candidate
		for _, f := range c.at.Flags {
			if !slices.Contains(c.given, strings.ToLower(f.Name)) {
				spelling, _, open := strings.Cut(f.Spelling(), "=")
				if open && f.Type != "bool" {
					spelling += "="
				} else {
					spelling = f.Spelling()
				}
				all = append(all, Candidate{spelling, f.Text})
			}
		}
		return all
	}
	f, ok := c.at.Flag(name)
	switch {
	case !ok || f.Type == "int", f.Type == Duration:
		return nil
	case f.Type == "bool":
		return inFront(word, []Candidate{{Value: "true"}, {Value: "false"}})
	}
	return inFront(word, c.values(c.project, c.at.Name, f.Name))
}

// inFront puts what is typed already, up to the "=" and to the last comma of a list, before
// each value.
func inFront(word string, values []Candidate) []Candidate {
	front := word[:strings.LastIndexAny(word, "=,")+1]
	for i, v := range values {
		if v.Value != Files && v.Value != Folders {
			values[i].Value = front + v.Value
		}
	}
	return values
}

// options are the options of Mage itself that people use; "mage -h" has all.
func options() []Candidate {
	return []Candidate{
		{"-l", "list the targets by name"},
		{"-h", "explain one"},
		{"-v", "say which target runs"},
		{"-f", "compile the targets again"},
		{"-t", "stop after this time"},
		{"-w", "work on the project in this folder"},
	}
}

//go:embed shells
var shells embed.FS

// Shells are those whose completion there is a script for.
func Shells() []string { return []string{"bash", "fish", "zsh"} }

// Script is what a shell has to read to complete lines.
func Script(shell string) (string, error) {
	if !slices.Contains(Shells(), shell) {
		return "", fmt.Errorf("there is no completion for the shell %q, only for %s%s",
			shell, strings.Join(Shells(), ", "), closest.Hint(shell, Shells()))
	}
	text, err := shells.ReadFile("shells/completion." + shell)
	if err != nil {
		return "", fmt.Errorf("reading the script for %s: %w", shell, err)
	}
	return string(text), nil
}
