// Package catalogue tells what the makers of well-known images document about the user of
// an image: which one its config names, and which one its start script changes to. The audit
// uses it for images that are not available locally.
//
// The facts are in images/*.yaml, each read in the image's own Dockerfile and start script.
// An image that is not there is unknown: nothing is guessed from a similar name.
package catalogue

import (
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
)

// Entry is what is documented of an image.
type Entry struct {
	// Image is the name in Docker's short form: "postgres", "grafana/grafana". It may be a
	// pattern as in path.Match: "jupyter/*-notebook".
	Image string `yaml:"-"`
	// Tags are patterns of the tags that the entry is for; none is all tags.
	Tags []string
	// User is the image's USER; "" is root.
	User string
	// Env has the variables of the image's config that name a user: APP_UID, NB_UID, PUID.
	Env map[string]string
	// Entrypoint and Command are those of the image's config. Both are empty where they
	// differ from tag to tag, and where nothing that the audit asks depends on them.
	Entrypoint, Command []string
	// Script is the base name of the entrypoint that changes the user; "" where the program
	// does so itself, or nothing does.
	Script string
	// Runs are patterns of the command's first word with which the user changes: "postgres",
	// "rabbitmq*"; "*" is every command, even none; "" is no command at all.
	Runs []string
	// FlagsToo says that a command that begins with "-" counts as the first of Runs.
	FlagsToo bool `yaml:"flagsToo"`
	// Becomes is the user at the end when it starts as root; "" stays root.
	Becomes string
	// First says that the first process stays root, and only its children become Becomes.
	First bool
	// UserVars are variables that change who it becomes, or prevent the change. What is said
	// here holds where a service sets none of them.
	UserVars []string `yaml:"userVars"`
	// NonRoot has the Compose keys that make it start without root; none where none is documented.
	NonRoot map[string]string `yaml:"nonRoot"`
	// Hardened are the capabilities that the change of the user needs under cap_drop: [ALL].
	Hardened []string
	// Tools says which commands make users in it: "debian" (useradd), "alpine" (busybox'
	// adduser), "rpm" (useradd), "none" (it has no shell); "" is not known.
	Tools string
	// Source is where that is documented: "github.com/docker-library/postgres, docker-entrypoint.sh".
	Source string
}

// Find returns what is documented of an image, written as in a Compose file. A mirror's
// ".../library/NAME" counts as NAME, and no tag as "latest". A digest without a tag is
// known only where every tag of the image has the same user.
func Find(image string) (Entry, bool) {
	name, tag := familiar(image)
	if name == "" || isWindows(tag) {
		return Entry{}, false
	}
	same := slices.Collect(func(yield func(record) bool) {
		for _, r := range records() {
			if matches(r.Image, name) && (tag == "" || r.isFor(tag)) && !yield(r) {
				return
			}
		}
	})
	if len(same) == 0 || same[0].unknown {
		return Entry{}, false
	}
	if tag != "" {
		return same[0].copy(), true
	}
	return common(same)
}

// All returns every entry, in the order in which Find tries them.
func All() []Entry {
	var all []Entry
	for _, r := range records() {
		if !r.unknown {
			all = append(all, r.copy())
		}
	}
	return all
}

// common is the entry for an image of which only the digest is known.
func common(all []record) (Entry, bool) {
	last := all[len(all)-1].copy()
	for _, r := range all {
		if r.unknown || r.User != last.User || r.Becomes != last.Becomes || r.First != last.First || r.Script != last.Script {
			return Entry{}, false
		}
		if r.Tools != last.Tools {
			last.Tools = ""
		}
	}
	return last, len(last.Tags) == 0
}

func (r record) isFor(tag string) bool {
	return len(r.Tags) == 0 || slices.ContainsFunc(r.Tags, func(p string) bool { return matches(p, tag) })
}

// copy is the entry with lists of its own, so that callers cannot change the catalogue.
func (r record) copy() Entry {
	e := r.Entry
	e.Tags, e.Runs, e.Hardened = slices.Clone(e.Tags), slices.Clone(e.Runs), slices.Clone(e.Hardened)
	e.Entrypoint, e.Command, e.UserVars = slices.Clone(e.Entrypoint), slices.Clone(e.Command), slices.Clone(e.UserVars)
	e.Env, e.NonRoot = maps.Clone(e.Env), maps.Clone(e.NonRoot)
	return e
}

// familiar is an image's short name and its tag: "debian", "trixie-slim". The tag is "" for
// a digest alone; both are "" for what is no image.
func familiar(image string) (name, tag string) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", ""
	}
	if tagged, ok := reference.TagNameOnly(named).(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	name = reference.FamiliarName(named)
	if i := strings.LastIndex(name, "/library/"); i >= 0 { // a mirror of the official images
		name = name[i+len("/library/"):]
	}
	return name, tag
}

// isWindows says that a tag is one for Windows, which has other users.
func isWindows(tag string) bool {
	return strings.Contains(tag, "nanoserver") || strings.Contains(tag, "windows")
}

func matches(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return err == nil && ok
}

// records are the catalogue's entries. The files are embedded, and a test reads them all: without one that cannot be read, the images in
// it are not known.
var records = sync.OnceValue(func() []record {
	all, _ := load()
	return all
})
