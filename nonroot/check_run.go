package nonroot

import (
	"regexp"
	"strings"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

// runCommands judges what the RUN instructions of the built stages do.
func (a *auditor) runCommands(s *subject, d *dockerfileSubject) {
	guarded := d.guarded()
	for _, c := range d.runs {
		at := d.spot(c.line, c.column)
		if len(c.starts) > 0 {
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

// guarded says that the file looks before it creates a group or user.
func (d *dockerfileSubject) guarded() bool {
	for _, c := range d.runs {
		switch c.program() {
		case "getent", "id":
			return true
		case "grep", "awk", "cut", "sed":
			if strings.Contains(strings.Join(c.words, " "), "/etc/") {
				return true
			}
		}
	}
	return false
}

// creates judges one command that creates a group or user.
func (a *auditor) creates(s *subject, d *dockerfileSubject, c call, at spot, guarded bool) {
	short := "-u"
	if strings.HasPrefix(c.program(), "group") || c.program() == "addgroup" {
		short = "-g"
	}
	long := map[string]string{"-u": "--uid", "-g": "--gid"}[short]
	id, given := c.flag(short, long)
	if !given {
		return
	}
	if c.covered || c.program() == "groupadd" && c.has("f", "--force") {
		a.found("D08", OK, s, at, "where %s is taken, the build goes on with another one", id)
	}
	tool := c.program() == "useradd" || c.program() == "groupadd"
	if !tool {
		return // Debian's adduser and busybox's have no such options
	}
	variable := strings.Contains(id, "$")
	if variable && !guarded && !c.has("o", "--non-unique") {
		f := a.found("D06", OK, s, at, "%s fails where the image has %s already", c.program(), id)
		fixWord(f, d, c, " --non-unique")
	}
	if c.program() == "useradd" && (variable || len(id) > 5) && !c.has("l", "--no-log-init") {
		f := a.found("D07", OK, s, at, "useradd writes to lastlog and faillog at the place of UID %s", id)
		fixWord(f, d, c, " --no-log-init")
	}
}

// The modes of chmod(1) that set the set-user-ID bit, and those that let others write.
var (
	setUID = regexp.MustCompile(`^0?[4-7][0-7]{3}$|(?:^|,)(?:[goa]*u[ugoa]*|a)?[+=][rwxX]*s`)
	forAll = regexp.MustCompile(`^0?[0-7][0-7][2367]$|(?:^|,)[ug]*[oa][ugoa]*[+=][rx]*w`)
)

// chmod judges modes that give root away, or everything to everybody.
func (a *auditor) chmod(s *subject, c call, at spot) {
	var mode string
	var paths []string
	for _, word := range c.words[1:] {
		switch {
		case strings.HasPrefix(word, "-") && len(word) > 1 && strings.Trim(word[1:], "Rcfv-") == "", strings.HasPrefix(word, "--"):
		case mode == "":
			mode = word
		default:
			paths = append(paths, word)
		}
	}
	if setUID.MatchString(mode) {
		a.found("D10", OK, s, at, "chmod %s gives its caller the owner's rights", mode)
	}
	if !forAll.MatchString(mode) {
		return
	}
	for _, path := range paths {
		if !strings.HasPrefix(path, "/tmp") && !strings.HasPrefix(path, "/var/tmp") {
			a.found("D12", OK, s, at, "chmod %s lets everybody write to %s", mode, path)
			return
		}
	}
}

// home asks for HOME where a user is created and USER is a number.
func (a *auditor) home(s *subject, d *dockerfileSubject) {
	if !a.own() || d.UserFrom == nil || len(d.accounts) == 0 || d.Env["HOME"] != "" {
		return
	}
	id := identify(d.User, d.accounts)
	if id.root() || id.name != "" {
		return
	}
	line := dockerfile.Line(d.UserFrom.Location())
	f := a.found("D09", OK, s, d.spot(line, d.column(line)), "HOME is not set, and Docker may find another user of UID %s", id.uid)
	a.fixHome(f, d)
}
