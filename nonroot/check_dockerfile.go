package nonroot

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/nonroot/internal/start"
)

func (a *auditor) check(s *subject) {
	a.privileges(s)
	if s.of != nil {
		a.preStart(s)
		return
	}
	a.hardening(s)
	a.hooks(s)
	a.dataMounts(s)
	switch {
	case s.cfg.User != "":
		a.composeUser(s)
	case s.cfg.Build == nil:
		a.imageUser(s)
	case s.build.usable():
		a.dockerfileUser(s, s.build)
	}
	switch {
	case s.build == nil:
	case s.build.err != nil:
		a.unreadable(s, s.build)
	default:
		a.buildArgs(s, s.build)
		a.runCommands(s, s.build)
		a.home(s, s.build)
		a.baseTag(s, s.build)
		a.ignoreFile(s, s.build)
	}
}

// preStart checks which user a pre_start command runs as, where that is not its service's user.
func (a *auditor) preStart(s *subject) {
	switch {
	case s.cfg.User == s.of.cfg.User && s.cfg.Image == s.of.cfg.Image:
	case s.cfg.User != "":
		a.composeUser(s)
	case s.cfg.Image != s.of.cfg.Image:
		a.imageUser(s)
	}
}

func (a *auditor) unreadable(s *subject, d *dockerfileSubject) {
	if d.missing {
		if place, ok := a.find(s, "build"); ok {
			reason := strings.ReplaceAll(d.err.Error(), a.root+string(filepath.Separator), "") // the finding names the file
			a.found("D00", Warning, s, spotOf(place), "the service %s is not checked: %s", s.title, reason)
		}
		return
	}
	level := Error
	if _, _, _, otherFrontend := parser.DetectSyntax(d.src.Text); d.file != nil || otherFrontend {
		level = Warning // it stops the build: nothing of it can run as root
		a.emptyArgs(s)
	}
	var syntax *dockerfile.SyntaxError
	if !errors.As(d.err, &syntax) {
		a.found("D00", level, s, spot{path: d.src.Path}, "%v", d.err)
		return
	}
	a.found("D00", level, s, d.spot(syntax.Line, max(1, syntax.Column)), "BuildKit would refuse it: %v", syntax.Err)
}

func (a *auditor) dockerfileUser(s *subject, d *dockerfileSubject) {
	at := d.userSpot()
	id, unsure := a.whoIs(s, d.User)
	switch {
	case d.KnownUser && unsure != "":
		user := d.User
		if unsure == notSet && d.UserFrom != nil {
			user = d.UserFrom.User
		}
		a.found("D18", doubt(unsure), s, at, "unknown which user the image runs as: USER is %s, and %s", user, unsure)
	case !d.KnownUser && d.UserFrom != nil:
		a.found("D18", OK, s, at, "unknown which user the image runs as: USER %s comes from the base image %s, which is not available locally", d.UserFrom.User, d.Base)
	case !d.KnownUser:
		a.found("D18", OK, s, at, "unknown which user the image runs as: it has no USER, and its base image %s is not available locally", d.Base)
	case id.root():
		a.rootImage(s, d)
	default:
		a.becomesRoot(s, at, d.User)
		a.memberships(s, at, id)
		if d.UserFrom != nil {
			a.userWord(s, d, id)
		}
		a.appImage(s, d, id)
	}
}

// becomesRoot reports a service that starts as another user than root, and what it starts is root again.
func (a *auditor) becomesRoot(s *subject, at spot, user string) {
	if end := a.endOf(s, user); end.User == start.Root {
		f := a.found("C18", OK, s, at, "%s runs as root: it starts as %s, and %s makes it root", s.title, user, end.By)
		f.Hint = "start the program without it; security_opt: [no-new-privileges:true] keeps anything from becoming root"
	}
}

// memberships reports powerful groups that a build puts the user of a service into: the engine gives them to its process.
func (a *auditor) memberships(s *subject, at spot, id identity) {
	for d := a.madeBy(s); d.usable(); d = d.maker {
		for _, user := range slices.Sorted(maps.Keys(d.groups)) {
			if user != id.name && (id.uid == "" || d.accounts[user].uid != id.uid) || id.group != "" && !id.noGroup {
				continue
			}
			for _, group := range d.groups[user] {
				if can := power(group); can != "" {
					a.found("C17", OK, s, at, "%s runs in group %s: the build puts %s into it", s.title, can, user)
				}
			}
		}
	}
}

// userWord checks how a USER that is not root is written.
func (a *auditor) userWord(s *subject, d *dockerfileSubject, id identity) {
	at, user := d.userSpot(), d.UserFrom.User
	if empty := a.emptyInUser(d); len(empty) > 0 {
		f := a.found("D02", OK, s, at, "USER %s is root where %s is empty, which a build argument may make it", user, names(empty))
		a.fixEmpty(f, s, d)
	}
	switch {
	case id.group != "root" && power(id.group) != "":
		a.found("C17", OK, s, at, "USER %s runs in group %s", user, power(id.group))
	case id.gid == "0" && !id.noGroup:
		a.found("D03", OK, s, at, "USER %s names group 0, root's group", user)
	case id.gid == "0" && id.inPasswd && id.name != "":
		a.found("D03", OK, s, at, "USER %s has group 0, root's group, by the command that creates it", user)
	case id.name != "":
		f := a.found("D04", OK, s, at, "USER %s is a name, not numbers", user)
		d.fixNumeric(f)
	case id.gid == "0" || id.noGroup && !id.inPasswd && !d.ofBase(id):
		f := a.found("D03", OK, s, at, "USER %s has no group of its own: with UID %s the process gets group 0, unless the image's passwd file knows it", user, id.uid)
		a.fixGroup(f, d)
	}
}

func (a *auditor) rootImage(s *subject, d *dockerfileSubject) {
	at := d.userSpot()
	end := a.endOf(s, d.User)
	switch {
	case !end.Known():
		f := a.found("D11", OK, s, at, "the image starts as root, and %s", end.Why)
		f.Hint = "set USER"
		return
	case end.User != start.Root:
		f := a.found("D11", OK, s, at, "the image starts as root, and %s", becomes(end))
		f.Hint = "set USER to one that it can run as"
		return
	case end.NeedsRoot != "":
		f := a.found("D01", OK, s, at, "the image runs as root, and %s may not work as another user", end.NeedsRoot)
		f.Hint = "run what needs no root in a service of its own, or accept it with a comment: im2:ignore=D01 REASON"
		return
	}
	if d.UserFrom == nil {
		f := a.found("D01", OK, s, at, "the image runs as root: no USER in the stages that are built, and the base %s starts as root", d.Base)
		a.fixRoot(f, s, d)
		return
	}
	user := d.UserFrom.User
	if d.User != user {
		user = fmt.Sprintf("%s comes to %q", user, d.User)
	}
	if len(a.emptyInUser(d)) > 0 {
		f := a.found("D02", Error, s, at, "the image runs as root: USER %s", user)
		a.fixEmpty(f, s, d)
		return
	}
	f := a.found("D01", OK, s, at, "the image runs as root: USER %s", user)
	a.fixRoot(f, s, d)
}

// emptyInUser returns the variables of USER that are empty or can be: not those that ENV or
// the base image sets, since no build argument changes them.
func (a *auditor) emptyInUser(d *dockerfileSubject) []variable {
	argument := d.argument()
	var found []variable
	for _, v := range emptyable(d.UserFrom.User) {
		if d.Env[v.name] == "" || argument[v.name] {
			found = append(found, v)
		}
	}
	return found
}

// argument has the variables that the built stages set, and whether a build argument does.
func (d *dockerfileSubject) argument() map[string]bool {
	argument := make(map[string]bool)
	for _, c := range d.commands() {
		switch c := c.(type) {
		case *instructions.ArgCommand:
			for _, kv := range c.Args {
				if _, set := argument[kv.Key]; !set {
					argument[kv.Key] = true
				}
			}
		case *instructions.EnvCommand:
			for _, kv := range c.Env {
				argument[kv.Key] = false
			}
		}
	}
	return argument
}

// ofBase says that USER is a user of the base image: its own, or one that its variables name.
func (d *dockerfileSubject) ofBase(id identity) bool {
	argument := d.argument()
	for _, v := range variables(d.UserFrom.User) {
		if _, set := argument[v.name]; !set {
			return true
		}
	}
	return id.uid == identify(d.base.User, nil).uid
}

func names(variables []variable) string {
	var all []string
	for _, v := range variables {
		all = append(all, v.name)
	}
	return strings.Join(all, " or ")
}

// appImage checks that the image of a service that mounts the data folder runs as the app user.
func (a *auditor) appImage(s *subject, d *dockerfileSubject, id identity) {
	if !a.mustBeAppUser(s) {
		return
	}
	want := a.appUser()
	if id.String() != want.String() && id.uid != "" && id.gid != "" {
		f := a.found("D05", OK, s, d.userSpot(), "the image runs as %s, but the data folder belongs to %s", id, want)
		d.fixNumeric(f)
	} else if d.UserFrom != nil && len(variables(d.UserFrom.User)) == 0 && id.name == "" {
		f := a.found("D05", Warning, s, d.userSpot(), "USER %s does not follow the build arguments", d.UserFrom.User)
		d.fixNumeric(f)
	}
}

// baseTag reports a base that can be another one tomorrow.
func (a *auditor) baseTag(s *subject, d *dockerfileSubject) {
	for _, i := range d.Chain {
		base := d.file.Stages[i].BaseName
		name, tag := familiar(base)
		_, isStage := d.file.Target(base)
		_, ours := a.makers[canonical(base)]
		_, isContext := s.cfg.Build.AdditionalContexts[base]
		if name == "" || strings.ContainsAny(base, "$@") || base == dockerfile.Scratch || isStage || ours || isContext {
			continue
		}
		if tag == "" || tag == "latest" {
			a.found("D13", OK, s, d.spotAt(d.file.Stages[i].Location), "FROM %s: what that is changes with time", base)
		}
	}
}
