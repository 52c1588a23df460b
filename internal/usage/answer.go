package usage

import (
	"flag"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Answer reads a command line before Mage does. It returns what there is to be printed in
// place of running anything: the help that was asked for, or the error of what was typed
// wrongly. Both are empty where Mage is to go on.
//
// args are the arguments of the program that Mage compiled, getenv is asked for what the mage
// command passes on to it, and columns is the width of the screen.
func (u *Usage) Answer(args []string, getenv func(string) string, columns int) (string, error) {
	list, help, rest, ok := mageFlags(args)
	on := func(name string) bool { yes, _ := strconv.ParseBool(getenv(name)); return yes }
	switch {
	case !ok || list || on("MAGEFILE_LIST"):
		return "", nil
	case help || on("MAGEFILE_HELP"):
		if len(rest) == 0 || u.isMages(rest[0]) {
			return "", nil // Mage's own words
		}
		return u.Explain(rest[:1], columns)
	case len(rest) > 1 && strings.EqualFold(rest[0], "help"):
		return u.Explain(rest[1:], columns)
	}
	if name := u.asked(rest); name != "" {
		return u.Explain([]string{name}, columns)
	}
	return "", u.Check(rest)
}

// mageFlags parses the flags that the compiled program has before its targets (the template
// in Mage's mage/template.go).
func mageFlags(args []string) (list, help bool, rest []string, ok bool) {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Bool("v", false, "")
	flags.Duration("t", time.Duration(0), "")
	flags.BoolVar(&list, "l", false, "")
	flags.BoolVar(&help, "h", false, "")
	err := flags.Parse(args)
	return list, help, flags.Args(), err == nil
}

// isMages reports whether "mage -h" knows the name.
func (u *Usage) isMages(name string) bool {
	return slices.ContainsFunc(u.Targets, func(t Target) bool { return t.Mage == strings.ToLower(name) })
}

// asked is the target before "-h" at the end of a line, the way in which most other programs
// explain a command; "" if there is none.
func (u *Usage) asked(args []string) string {
	if len(args) < 2 || !slices.Contains([]string{"-h", "-help", "--help"}, args[len(args)-1]) {
		return ""
	}
	for _, name := range slices.Backward(args[:len(args)-1]) {
		if _, ok := u.Find(name); ok {
			return name
		}
	}
	return args[0]
}

// Explain explains the targets of these names, for a screen of so many columns.
func (u *Usage) Explain(names []string, columns int) (string, error) {
	var texts []string
	for _, name := range names {
		t, err := u.target(name)
		if err != nil {
			return "", err
		}
		texts = append(texts, t.Explain(u.note(t), columns))
	}
	return strings.Join(texts, "\n"), nil
}

// note is the note of a target, with the examples that it has the flags for.
func (u *Usage) note(t Target) Note {
	name := strings.TrimPrefix(t.Name, u.Prefix)
	n := u.Notes[Hyphenated(name)]
	n.Examples = t.Fitting(n.Examples)
	for i, e := range n.Examples {
		n.Examples[i][0] = strings.Replace(e[0], "mage "+Hyphenated(name), "mage "+t.Name, 1)
	}
	return n
}
