// Package closest guesses what somebody meant who typed a name that does not exist.
package closest

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// To returns the name that is nearest to what was typed, or "" where none is near enough for
// a typo. Case, hyphens and underscores count for nothing. Of names
// that are equally near it is the first.
func To(typed string, names []string) string {
	best, least := "", 0
	for _, name := range names {
		a, b := plain(typed), plain(name)
		if a == "" || b == "" {
			continue
		}
		distance := levenshtein.Distance(a, b, nil)
		if swapped(a, b) {
			distance = 1 // two letters in the wrong order are one typo, not two
		}
		// The beginning of a word counts as one typo: "reset" is "reset-permissions".
		if len(a) >= 3 && strings.HasPrefix(b, a) {
			distance = 1
		}
		if distance > typos(b) || (best != "" && distance >= least) {
			continue
		}
		best, least = name, distance
	}
	return best
}

// Hint is `; did you mean "NAME"?`, or "" where no name is near. It ends a message.
func Hint(typed string, names []string) string {
	if name := To(typed, names); name != "" {
		return fmt.Sprintf("; did you mean %q?", name)
	}
	return ""
}

// typos is how many there may be in a word of this length: in a short one, most words are near to most
// others.
func typos(name string) int {
	switch n := len([]rune(name)); {
	case n <= 2:
		return 0
	case n <= 5:
		return 1
	default:
		return 2
	}
}

func swapped(a, b string) bool {
	from, to := []rune(a), []rune(b)
	if len(from) != len(to) {
		return false
	}
	for i := range len(from) - 1 {
		if from[i] != to[i] {
			return from[i] == to[i+1] && from[i+1] == to[i] && string(from[i+2:]) == string(to[i+2:])
		}
	}
	return false
}

func plain(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
}
