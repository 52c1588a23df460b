package catalogue

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

var (
	accountName  = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)
	number       = regexp.MustCompile(`^(0|[1-9][0-9]{0,9})$`)
	variable     = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	classes      = regexp.MustCompile(`\[\^?(.)[^]]*\]`)
	tools        = []string{"", "debian", "alpine", "rpm", "none"}
	capabilities = []string{"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETUID"}
)

// problems are the mistakes in a list of entries, each with its entry's name.
func problems(all []record) []string {
	var found []string
	for i, r := range all {
		for _, p := range slices.Concat(namesOf(r), usersOf(r.Entry), startOf(r.Entry), restOf(r)) {
			found = append(found, r.Image+": "+p)
		}
		for _, before := range all[:i] {
			if hides(before, r) {
				found = append(found, fmt.Sprintf("%s: an entry before it (%s) is for all that %q is for", r.Image, before.Image, r.Tags))
			}
		}
	}
	return found
}

func namesOf(r record) (found []string) {
	for _, p := range append(slices.Clone(r.Tags), r.Image) {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			found = append(found, fmt.Sprintf("%q is no pattern", p))
		}
	}
	plain := strings.NewReplacer("*", "x").Replace(r.Image)
	if named, err := reference.ParseNormalizedNamed(plain); err != nil || reference.FamiliarName(named) != plain {
		found = append(found, "is not the short name of an image")
	}
	return found
}

func usersOf(e Entry) (found []string) {
	users := map[string]string{"user": e.User, "becomes": e.Becomes, "nonRoot.user": e.NonRoot["user"]}
	for what, user := range users {
		name, group, hasGroup := strings.Cut(user, ":")
		bad := func(s string) bool { return !accountName.MatchString(s) && !number.MatchString(s) }
		if user != "" && (bad(name) || hasGroup && bad(group)) {
			found = append(found, fmt.Sprintf("%s %q is no user", what, user))
		}
		if name == "root" || name == "0" {
			found = append(found, what+" is root: leave it out")
		}
	}
	for key, value := range e.NonRoot {
		if key != "user" || value == "" {
			found = append(found, fmt.Sprintf("nonRoot has %q: %q", key, value))
		}
	}
	if e.User != "" && (e.Becomes != "" || len(e.NonRoot) > 0) {
		found = append(found, "has a user, and says how it gets rid of root")
	}
	return found
}

// startOf checks that what is said of the change of the user fits together.
func startOf(e Entry) (found []string) {
	if e.Becomes == "" && (e.Script != "" || len(e.Runs) > 0 || e.FlagsToo || e.First || len(e.Hardened) > 0) {
		found = append(found, "says how the user changes, but not which user it becomes")
	}
	if e.Becomes != "" && len(e.Runs) == 0 {
		found = append(found, "says which user it becomes, but not with which command")
	}
	if strings.Contains(e.Script, "/") {
		found = append(found, "its script is a path")
	}
	isScript := func(s string) bool { return path.Base(s) == e.Script }
	if e.Script != "" && len(e.Entrypoint) > 0 && !slices.ContainsFunc(e.Entrypoint, isScript) {
		found = append(found, "its script is not in its entrypoint")
	}
	if runs := e.runs(e.Command); e.Becomes != "" && len(e.Command) > 0 && !runs {
		found = append(found, fmt.Sprintf("its own command %q is not among %q", e.Command, e.Runs))
	}
	for _, p := range e.Runs {
		if _, err := path.Match(p, ""); err != nil {
			found = append(found, fmt.Sprintf("runs %q is no pattern", p))
		}
	}
	return found
}

func (e Entry) runs(command []string) bool {
	return slices.ContainsFunc(e.Runs, func(p string) bool {
		return p == "*" || len(command) > 0 && (p == command[0] || matches(p, command[0]))
	})
}

func restOf(r record) (found []string) {
	if r.unknown {
		if r.Source != "" || r.User != "" || r.Becomes != "" {
			found = append(found, "is unknown, and says something")
		}
		return found
	}
	if r.Source == "" {
		found = append(found, "has no source")
	}
	if !slices.Contains(tools, r.Tools) {
		found = append(found, fmt.Sprintf("tools %q", r.Tools))
	}
	for _, c := range r.Hardened {
		if !slices.Contains(capabilities, c) {
			found = append(found, fmt.Sprintf("%q is no capability for that", c))
		}
	}
	if !slices.IsSorted(r.Hardened) {
		found = append(found, "its capabilities are not sorted")
	}
	for _, name := range r.UserVars {
		if !variable.MatchString(name) {
			found = append(found, fmt.Sprintf("variable %q", name))
		}
	}
	for name, value := range r.Env {
		if !variable.MatchString(name) || strings.ContainsAny(value, " $") {
			found = append(found, fmt.Sprintf("variable %q: %q", name, value))
		}
	}
	return found
}

// hides says that an entry makes a later one useless: it has every image and tag of it.
func hides(earlier, later record) bool {
	if !covers(earlier.Image, later.Image) {
		return false
	}
	if len(earlier.Tags) == 0 {
		return true
	}
	return len(later.Tags) > 0 && !slices.ContainsFunc(later.Tags, func(tag string) bool {
		return !slices.ContainsFunc(earlier.Tags, func(p string) bool { return covers(p, tag) })
	})
}

// covers says that a pattern has all that another one has. A star in the other one is taken
// for a letter that only a star has, a class for its first letter.
func covers(wide, narrow string) bool {
	if wide == narrow {
		return true
	}
	narrow = classes.ReplaceAllString(narrow, "$1")
	return matches(wide, strings.ReplaceAll(narrow, "*", "\x01"))
}
