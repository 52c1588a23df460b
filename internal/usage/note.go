package usage

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Note is what a signature cannot say of a target.
type Note struct {
	// Examples are command lines with what they are for.
	Examples []Example
	// Failed, Unusable and Missing say when the exit code is 1, 2 or 3; "" where it never is. They and the
	// examples may have commands in backquotes.
	Failed, Unusable, Missing string
	// More is a page that tells more, relative to docs/; "" for none.
	More string
}

// Example is a command line, and what it is for.
type Example [2]string

// Codes are the exit codes with what each means, from 1.
func (n Note) Codes() []Example {
	var codes []Example
	for i, when := range []string{n.Failed, n.Unusable, n.Missing} {
		if when != "" {
			codes = append(codes, Example{strconv.Itoa(i + 1), plain(when)})
		}
	}
	return codes
}

// Fitting are the examples whose flags the target has: that of the same name in other projects has fewer.
func (t Target) Fitting(all []Example) []Example {
	var fitting []Example
	for _, e := range all {
		known := true
		for word := range strings.FieldsSeq(e[0]) {
			flag, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
			isFlag := strings.HasPrefix(word, "-") && word != everyJob
			known = known && (!isFlag || slices.ContainsFunc(t.Flags, func(f Flag) bool { return f.Name == flag }))
		}
		if known {
			fitting = append(fitting, e)
		}
	}
	return fitting
}

// everyJob is an argument of "retry" and "cancel", no flag.
const everyJob = "-all"

var upperCase = regexp.MustCompile(`([a-z])([A-Z])`)

// Hyphenated is a name as im2 and most programs spell it: dry-run for dryRun.
func Hyphenated(name string) string {
	return strings.ToLower(upperCase.ReplaceAllString(name, "$1-$2"))
}

// plain is a text of a page as a terminal shows it.
func plain(text string) string { return strings.ReplaceAll(text, "`", `"`) }
