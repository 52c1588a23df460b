package doctor

import (
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/term/closest"
)

// Names are those of all checks, in the order of the report.
func Names() []string { return namesOf(checks()) }

func namesOf(all []check) []string {
	names := make([]string, 0, len(all))
	for _, c := range all {
		names = append(names, c.name)
	}
	return names
}

// List returns group, name and purpose of each check, in the order of the report.
func List() [][3]string {
	var list [][3]string
	for _, c := range checks() {
		list = append(list, [3]string{c.group, c.name, c.about})
	}
	return list
}

func known(all []check, names []string) error {
	there := namesOf(all)
	for _, name := range names {
		if !slices.Contains(there, name) {
			return exit.Errorf(exit.Unusable, "there is no check %q; there are: %s%s", name, strings.Join(there, ", "), closest.Hint(name, there))
		}
	}
	return nil
}

// closure returns the checks of these names with all that come before them, in the order of all; no names mean
// all.
func closure(all []check, names []string) []check {
	if len(names) == 0 {
		return all
	}
	wanted := make(map[string]bool)
	var want func(name string)
	want = func(name string) {
		if wanted[name] {
			return
		}
		wanted[name] = true
		for _, c := range all {
			if c.name == name {
				for _, before := range c.before() {
					want(before)
				}
			}
		}
	}
	for _, name := range names {
		want(name)
	}
	return slices.DeleteFunc(slices.Clone(all), func(c check) bool { return !wanted[c.name] })
}
