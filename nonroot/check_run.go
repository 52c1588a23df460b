package nonroot

import (
	"regexp"
	"slices"
	"strings"
)

func (a *auditor) runCommands(s *subject, d *dockerfileSubject) {
	guarded := slices.ContainsFunc(d.runs, call.readsAccounts)
	for _, c := range d.runs {
		at := d.spot(c.line, c.column)
		if len(c.ends) > 0 {
			at.end = at.col + len([]rune(c.program()))
		}
		switch c.program() {
		case "useradd", "groupadd", "adduser", "addgroup":
			a.creates(s, d, c, at, guarded)
		case "chmod":
			a.chmod(s, c, at)
		case "sudo", "setcap", "fixuid":
			a.found("D10", OK, s, at, "%s in a stage that is built", c.program())
		case "apt-get", "apt", "apk", "dnf", "yum", "microdnf", "zypper":
			for _, word := range c.words[1:] {
				if word == "sudo" || word == "fixuid" {
					a.found("D10", OK, s, at, "%s is installed", word)
				}
			}
		}
	}
}

// readsAccounts says that a command looks up groups or users, as a file does that creates them only if needed.
func (c call) readsAccounts() bool {
	switch c.program() {
	case "getent", "id":
		return true
	case "grep", "awk", "cut", "sed":
		return strings.Contains(strings.Join(c.words, " "), "/etc/")
	}
	return false
}

func (a *auditor) creates(s *subject, d *dockerfileSubject, c call, at spot, guarded bool) {
	program := c.program()
	id, given := c.flag("-u", "--uid")
	if program == "groupadd" || program == "addgroup" {
		id, given = c.flag("-g", "--gid")
	}
	if !given {
		return
	}
	if c.covered || program == "groupadd" && c.has("f", "--force") {
		a.found("D08", OK, s, at, "where %s is taken, the build goes on with another one", id)
	}
	if program == "adduser" || program == "addgroup" {
		return // Debian's and busybox's have no such options
	}
	variable := strings.Contains(id, "$")
	if variable && !guarded && !c.has("o", "--non-unique") {
		f := a.found("D06", OK, s, at, "%s fails where the image has %s already", program, id)
		d.fixWord(f, c, " --non-unique")
	}
	if program == "useradd" && (variable || len(id) > 5) && !c.has("l", "--no-log-init") {
		f := a.found("D07", OK, s, at, "useradd writes to lastlog and faillog at the place of UID %s", id)
		d.fixWord(f, c, " --no-log-init")
	}
}

// The modes of chmod(1) that set the set-user-ID bit, and those that let others write.
var (
	setUID = regexp.MustCompile(`^0?[4-7][0-7]{3}$|(?:^|,)(?:[goa]*u[ugoa]*|a)?[+=][rwxX]*s`)
	forAll = regexp.MustCompile(`^0?[0-7][0-7][2367]$|(?:^|,)[ug]*[oa][ugoa]*[+=][rx]*w`)
)

func (a *auditor) chmod(s *subject, c call, at spot) {
	words := slices.DeleteFunc(slices.Clone(c.words[1:]), func(word string) bool {
		return strings.HasPrefix(word, "--") || len(word) > 1 && word[0] == '-' && strings.Trim(word[1:], "Rcfv-") == ""
	})
	if len(words) == 0 {
		return
	}
	mode, paths := words[0], words[1:]
	if setUID.MatchString(mode) {
		a.found("D10", OK, s, at, "chmod %s gives its caller the owner's rights", mode)
	}
	i := slices.IndexFunc(paths, func(path string) bool {
		return !strings.HasPrefix(path, "/tmp") && !strings.HasPrefix(path, "/var/tmp")
	})
	if i >= 0 && forAll.MatchString(mode) {
		a.found("D12", OK, s, at, "chmod %s lets everybody write to %s", mode, paths[i])
	}
}

// home asks for HOME where a user is created and USER is a number.
func (a *auditor) home(s *subject, d *dockerfileSubject) {
	if !a.own() || d.UserFrom == nil || len(d.accounts) == 0 || d.Env["HOME"] != "" {
		return
	}
	if id := identify(d.User, d.accounts); !id.root() && id.name == "" {
		f := a.found("D09", OK, s, d.userSpot(), "HOME is not set, and Docker may find another user of UID %s", id.uid)
		d.fixHome(f)
	}
}
