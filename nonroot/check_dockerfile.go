package nonroot

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/im2-audio/im2/internal/compose/dockerfile"
)

// judge looks at one service.
func (a *auditor) check(s *subject) {
	a.privileges(s)
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

// unreadable reports a Dockerfile that cannot be judged.
func (a *auditor) unreadable(s *subject, d *dockerfileSubject) {
	grade := Error
	if d.missing {
		if place, ok := a.set.Find(s.name, "build"); ok {
			a.found("D00", Warning, s, here(place), "the service %s is not judged: %s", s.name, a.reason(d.err))
		}
		return
	}
	_, _, _, otherFrontend := parser.DetectSyntax(d.src.text)
	var syntax *dockerfile.SyntaxError
	if d.file != nil || otherFrontend {
		grade = Warning // it stops the build: nothing of it can run as root
		a.emptyArgs(s)
	}
	if !errors.As(d.err, &syntax) {
		a.found("D00", grade, s, d.whole(), "%v", d.err)
		return
	}
	a.found("D00", grade, s, d.spot(syntax.Line, max(1, syntax.Column)), "BuildKit would refuse it: %v", syntax.Err)
}

// reason is an error without the path that the finding has anyway.
func (a *auditor) reason(err error) string {
	return strings.ReplaceAll(err.Error(), a.root+string(filepath.Separator), "")
}

// dockerfileUser judges whom an image that is built here runs as.
func (a *auditor) dockerfileUser(s *subject, d *dockerfileSubject) {
	if !d.KnownUser {
		if d.UserFrom != nil {
			a.found("D18", OK, s, a.userSpot(d), "unknown which user the image runs as: USER %s comes from the base image %s, which is not available locally", d.UserFrom.User, d.Base)
			return
		}
		a.found("D18", OK, s, a.fromSpot(d), "unknown which user the image runs as: it has no USER, and its base image %s is not available locally", d.Base)
		return
	}
	id := identify(d.User, d.accounts)
	if id.root() {
		a.rootImage(s, d)
		return
	}
	if d.UserFrom == nil {
		a.ownUser(s, d, id, a.fromSpot(d))
		return
	}
	line := dockerfile.Line(d.UserFrom.Location())
	at := d.spot(line, d.column(line))
	if empty := a.emptyInUser(d); len(empty) > 0 {
		f := a.found("D02", OK, s, at, "USER %s is root where %s is empty, which a build argument may make it", d.UserFrom.User, names(empty))
		a.fixEmpty(f, s, d)
	}
	switch {
	case id.name != "":
	case id.gid == "0" && !id.noGroup:
		a.found("D03", OK, s, at, "USER %s names group 0, which is root's", d.UserFrom.User)
	case id.gid == "0" || id.noGroup && !id.inPasswd && !d.ofBase(id):
		f := a.found("D03", OK, s, at, "USER %s has no group of its own: with UID %s the process gets group 0, unless the image's passwd file knows it", d.UserFrom.User, id.uid)
		a.fixGroup(f, d)
	}
	if id.name != "" {
		f := a.found("D04", OK, s, at, "USER %s is a name, not numbers", d.UserFrom.User)
		a.fixNumeric(f, d)
	}
	a.ownUser(s, d, id, at)
}

// rootImage reports an image that starts as root.
func (a *auditor) rootImage(s *subject, d *dockerfileSubject) {
	if how := a.dropsRoot(s, d); how != "" {
		f := a.found("D11", OK, s, a.userSpot(d), "the image starts as root and leaves it to %s to become somebody else", how)
		f.Hint = "set USER, and do without " + how
		if how == ofBase(d.Base) {
			f.Hint = "set USER to one that it can run as"
		}
		return
	}
	if d.UserFrom != nil && len(a.emptyInUser(d)) > 0 {
		f := a.found("D02", Error, s, a.userSpot(d), "the image runs as root: USER %s comes to %q", d.UserFrom.User, d.User)
		a.fixEmpty(f, s, d)
		return
	}
	var f *Finding
	switch {
	case d.UserFrom != nil && d.User != d.UserFrom.User:
		f = a.found("D01", OK, s, a.userSpot(d), "the image runs as root: USER %s comes to %q", d.UserFrom.User, d.User)
	case d.UserFrom != nil:
		f = a.found("D01", OK, s, a.userSpot(d), "the image runs as root: USER %s", d.UserFrom.User)
	default:
		f = a.found("D01", OK, s, a.fromSpot(d), "the image runs as root: no USER in the stages that are built, and the base %s is root's", d.Base)
	}
	a.fixRoot(f, s, d)
}

// userSpot is the USER that counts, or FROM where there is none.
func (a *auditor) userSpot(d *dockerfileSubject) spot {
	if d.UserFrom == nil {
		return a.fromSpot(d)
	}
	line := dockerfile.Line(d.UserFrom.Location())
	return d.spot(line, d.column(line))
}

// fromSpot is the FROM of the stage that is built.
func (a *auditor) fromSpot(d *dockerfileSubject) spot {
	line := dockerfile.Line(d.target().Location)
	return d.spot(line, d.column(line))
}

// emptyInUser returns the variables of USER that are empty or can be: not those that ENV or
// the base image sets, since no build argument changes them.
func (a *auditor) emptyInUser(d *dockerfileSubject) []variable {
	if d.UserFrom == nil {
		return nil
	}
	argument := d.setHere()
	var found []variable
	for _, v := range emptyable(d.UserFrom.User) {
		if d.Env[v.name] == "" || argument[v.name] {
			found = append(found, v)
		}
	}
	return found
}

// setHere are the variables that the built stages set, and whether a build argument does.
func (d *dockerfileSubject) setHere() map[string]bool {
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
	here := d.setHere()
	for _, v := range variables(d.UserFrom.User) {
		if _, set := here[v.name]; !set {
			return true
		}
	}
	return id.uid == identify(d.baseUser, nil).uid
}

func names(variables []variable) string {
	var all []string
	for _, v := range variables {
		all = append(all, v.name)
	}
	return strings.Join(all, " or ")
}

// ownUser holds a service of ours to the app user.
func (a *auditor) ownUser(s *subject, d *dockerfileSubject, id identity, at spot) {
	if !a.own() || !s.mountsData || len(a.options.Problems) > 0 {
		return
	}
	want := a.appUser()
	if id.String() != want.String() && id.uid != "" && id.gid != "" {
		f := a.found("D05", OK, s, at, "the image runs as %s, but the data folder is %s's", id, want)
		a.fixNumeric(f, d)
		return
	}
	if d.UserFrom != nil && len(variables(d.UserFrom.User)) == 0 && id.name == "" {
		f := a.found("D05", Warning, s, at, "USER %s does not follow the build arguments", d.UserFrom.User)
		a.fixNumeric(f, d)
	}
}

// baseTag reports a base that can be another one tomorrow.
func (a *auditor) baseTag(s *subject, d *dockerfileSubject) {
	for _, i := range d.Chain {
		stage := d.file.Stages[i]
		name, tag := familiar(stage.BaseName)
		if name == "" || strings.Contains(stage.BaseName, "$") || strings.Contains(stage.BaseName, "@") || stage.BaseName == dockerfile.Scratch {
			continue
		}
		if _, isStage := d.file.Target(stage.BaseName); isStage {
			continue
		}
		if _, ours := a.makers[canonical(stage.BaseName)]; ours {
			continue
		}
		if _, context := s.cfg.Build.AdditionalContexts[stage.BaseName]; context {
			continue
		}
		if tag == "" || tag == "latest" {
			line := dockerfile.Line(stage.Location)
			a.found("D13", OK, s, d.spot(line, d.column(line)), "FROM %s: what that is changes with time", stage.BaseName)
		}
	}
}
