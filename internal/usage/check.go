package usage

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/term/closest"
)

// overview is the command that shows every target.
const overview = `"mage" shows all targets`

// Check reads a line of targets with their arguments as Mage will, and returns what is wrong
// with it, with what may have been meant; nil where Mage will take it.
func (u *Usage) Check(args []string) error {
	var before Target
	for len(args) > 0 {
		t, err := u.target(args[0])
		if err != nil {
			return cmp.Or(before.stray(args[0]), err)
		}
		if args, err = t.take(args[1:]); err != nil {
			return err
		}
		before = t
	}
	return nil
}

// stray is the error for a word that is no target and follows t, where it was probably meant for t; nil otherwise.
func (t Target) stray(word string) error {
	for _, name := range []string{"service", "module"} {
		if _, has := t.Flag(name); has {
			return fmt.Errorf("there is no target %q; for a %s: mage %s -%s=%s", word, name, t.Name, name, word)
		}
	}
	if len(t.Words) > 0 && strings.ContainsAny(word, "/.") {
		return fmt.Errorf("there is no target %q; %q takes one %s at a time: %s", word, t.Name, strings.ToUpper(t.Words[0]), t.line())
	}
	return nil
}

// target finds the target of a name that was typed.
func (u *Usage) target(name string) (Target, error) {
	if t, ok := u.Find(name); ok {
		return t, nil
	}
	return Target{}, fmt.Errorf("there is no target %q%s %s", name, cmp.Or(closest.Hint(name, u.Names()), ";"), overview)
}

// take reads the arguments and flags of t off the front of args.
func (t Target) take(args []string) ([]string, error) {
	for i, word := range t.Words {
		if i >= len(args) {
			return nil, fmt.Errorf("%q needs its %s: %s", t.Name, strings.ToUpper(word), t.line())
		}
		name, _, _ := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if _, known := t.Flag(name); known && strings.HasPrefix(args[i], "-") {
			return nil, fmt.Errorf("%q in %q: flags come after the %s: %s", args[i], t.Name, strings.ToUpper(word), t.line())
		} else if strings.HasPrefix(args[i], "-") && args[i] != everyJob && t.nearly(name) {
			return nil, t.unknown(args[i])
		}
	}
	args = args[len(t.Words):]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if err := t.takes(args[0], args[1:]); err != nil {
			return nil, err
		}
		args = args[1:]
	}
	return args, nil
}

// nearly reports whether a name is nearly that of a flag.
func (t Target) nearly(name string) bool {
	var names []string
	for _, f := range t.Flags {
		names = append(names, f.Name)
	}
	return closest.To(name, names) != ""
}

// takes returns what is wrong with a flag of t; then is what follows on the line.
func (t Target) takes(typed string, then []string) error {
	name, value, valued := strings.Cut(typed[1:], "=")
	f, known := t.Flag(name)
	switch {
	case !known:
		return t.unknown(typed)
	case !valued && f.Type == "bool":
		return nil
	case !valued:
		example := f.Spelling()
		if len(then) > 0 && !strings.HasPrefix(then[0], "-") {
			example = "-" + f.Name + "=" + then[0]
		}
		return fmt.Errorf("%q of %q needs its value after a \"=\": %s", typed, t.Name, example)
	}
	var err error
	wants := ""
	switch f.Type {
	case "int":
		_, err = strconv.Atoi(value)
		wants = "a whole number"
	case Duration:
		_, err = time.ParseDuration(value)
		wants = "a time such as 30s or 10m"
	case "bool":
		_, err = strconv.ParseBool(value)
		wants = "true or false"
	}
	if err != nil {
		return fmt.Errorf("%q of %q: %q is not %s", typed, t.Name, value, wants)
	}
	return nil
}

// unknown is the error for a flag that t does not have.
func (t Target) unknown(typed string) error {
	if len(t.Flags) == 0 {
		return fmt.Errorf("%q takes no flags, got %q; \"mage help %s\" explains it", t.Name, typed, t.Name)
	}
	var names []string
	for _, f := range t.Flags {
		names = append(names, f.Name)
	}
	name, value, valued := strings.Cut(strings.TrimLeft(typed, "-"), "=")
	meant := closest.To(name, names)
	if meant == "" {
		return fmt.Errorf("%q has no flag %q; it has -%s", t.Name, typed, strings.Join(names, ", -"))
	}
	i := slices.Index(names, meant)
	if meant = "-" + meant; valued {
		meant += "=" + value
	} else if t.Flags[i].Type != "bool" {
		meant = t.Flags[i].Spelling()
	}
	return fmt.Errorf("%q has no flag %q; did you mean %q?", t.Name, typed, meant)
}

// line is how t is typed.
func (t Target) line() string {
	words := []string{"mage", t.Name}
	for _, word := range t.Words {
		words = append(words, strings.ToUpper(word))
	}
	if len(t.Flags) > 0 {
		words = append(words, "[FLAGS]")
	}
	return strings.Join(words, " ")
}
