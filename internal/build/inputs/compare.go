package inputs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/safetext"
)

// Compare says in short sentences what is different in now, the most telling first. It is
// empty where nothing is.
func Compare(old, now Inputs) []string {
	var why []string
	say := func(differs bool, format string, args ...any) {
		if differs {
			why = append(why, fmt.Sprintf(format, args...))
		}
	}
	say(old.Dockerfile != now.Dockerfile, "Dockerfile changed")
	why = append(why, compareArgs(old.Args, now.Args)...)
	say(old.Platform != now.Platform, "platform %s -> %s", old.Platform, now.Platform)
	why = append(why, compareImages(old.Images, now.Images, len(why) > 0)...)
	say(old.Definition != now.Definition, "its build section in the Compose file changed")
	say(old.Project != now.Project, "Compose project %s -> %s", old.Project, now.Project)
	say(old.Ignore != now.Ignore, "ignore file changed")
	why = append(why, compareFiles(old, now)...)
	for _, name := range slices.Sorted(maps.Keys(now.Contexts)) {
		say(old.Contexts[name] != now.Contexts[name], "additional context %s changed", name)
	}
	return why
}

func compareArgs(old, now map[string]string) []string {
	var why []string
	for _, name := range names(old, now) {
		before, had := old[name]
		after, has := now[name]
		switch {
		case before == after && had == has:
		case !had:
			why = append(why, "argument "+name+" added")
		case !has:
			why = append(why, "argument "+name+" removed")
		case public(name):
			why = append(why, fmt.Sprintf("%s %s -> %s", name, shown(before), shown(after)))
		default:
			why = append(why, "argument "+name+" changed")
		}
	}
	return why
}

// public reports whether an argument's value may be shown and written down: by its name it is an ID, an image or
// a version. Any other can have a secret in it, as the password in a database's address. Build arguments are no
// place for one, since the image's history has them, but people put them there.
func public(name string) bool {
	return regexp.MustCompile(`(?i)(^|_)(UID|GID|USER_ID|GROUP_ID|IMAGE|VERSION)$`).MatchString(name)
}

func shown(value string) string {
	if value == "" || len(value) > 60 || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Sprintf("%.60q", value)
	}
	return value
}

// compareImages says nothing about new names if something else explains them.
func compareImages(old, now map[string]string, explained bool) []string {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		id, had := old[name]
		if had && id != now[name] {
			if len(now) == 1 {
				return []string{"base image changed"}
			}
			return []string{"base image " + name + " changed"}
		}
	}
	if explained || maps.Equal(old, now) {
		return nil
	}
	return []string{"base image changed"}
}

func compareFiles(old, now Inputs) []string {
	before := make(map[string]File, len(old.Files))
	for _, f := range old.Files {
		before[f.Path] = f
	}
	var why []string
	for _, f := range now.Files {
		was, had := before[f.Path]
		delete(before, f.Path)
		switch {
		case was == f, f.Content != "" && f.Content == now.Dockerfile, f.Content != "" && f.Content == now.Ignore:
			// The same, or told already.
		case !had:
			why = append(why, safetext.Quoted(f.Path)+" added")
		case was.Mode != f.Mode && was.Content == f.Content:
			why = append(why, fmt.Sprintf("%s mode %s -> %s", safetext.Quoted(f.Path), was.Mode, f.Mode))
		default:
			why = append(why, safetext.Quoted(f.Path)+" changed")
		}
	}
	for _, path := range slices.Sorted(maps.Keys(before)) {
		why = append(why, safetext.Quoted(path)+" removed")
	}
	if len(why) > 1 {
		return []string{fmt.Sprintf("%s (+%d more)", why[0], len(why)-1)}
	}
	return why
}

func names(a, b map[string]string) []string {
	all := append(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))...)
	slices.Sort(all)
	return slices.Compact(all)
}
