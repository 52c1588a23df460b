package nonroot

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/compose/dockerfile"
	"github.com/im2-audio/im2/internal/compose/edit"
)

const (
	blockReason = "The app user. --non-unique: the base may have the ID already; --no-log-init: UIDs can be large."
	userReason  = "Numeric, and never empty: an empty USER would silently mean root."
	byHand      = "the Dockerfile is inside the Compose file: fix it there by hand"
)

// fixBy gives a finding edits of one file that fix it.
func (f *Finding) fixBy(path string, edits ...edit.Edit) {
	if f.Rule == "" || len(edits) == 0 {
		return
	}
	f.Fixable, f.Hint = true, ""
	f.fix = append(f.fix, change{path: path, edits: edits})
}

// fix is fixBy for the Dockerfile, unless it is inside a Compose file.
func (d *dockerfileSubject) fix(f *Finding, edits ...edit.Edit) {
	if d.inline && len(edits) > 0 {
		f.Hint = byHand
		return
	}
	f.fixBy(d.src.Path, edits...)
}

func (d *dockerfileSubject) fixWord(f *Finding, c call, option string) {
	if len(c.ends) > 0 {
		d.fix(f, edit.Edit{Start: c.ends[0], End: c.ends[0], New: option})
	}
}

// fixEmpty keeps the variables of USER from being empty.
func (a *auditor) fixEmpty(f *Finding, s *subject, d *dockerfileSubject) {
	if d.triggered() {
		return
	}
	line := d.userLine()
	from, to := d.src.Start(line), d.src.Start(dockerfile.LastLine(d.UserFrom.Location())+1)
	var edits []edit.Edit
	for _, v := range a.emptyInUser(d) {
		at := strings.Index(string(d.src.Text[from:to]), v.text)
		if at < 0 {
			return
		}
		end := from + at + len(v.text)
		edits = append(edits, edit.Edit{Start: from + at, End: end, New: "${" + v.name + ":?" + v.name + " is empty}"})
		from = end // the next one is behind it, perhaps in the same words
		if given := s.cfg.Build.Args[v.name]; d.holdsID(v.name) && d.Env[v.name] == "" && (given == nil || *given == "") {
			edits = append(edits, d.withDefault(v.name, line))
		}
	}
	d.fix(f, edits...)
}

// isID says that a variable holds an ID by its name, so that a number can be its default.
func isID(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasSuffix(name, "ID") || strings.Contains(name, "UID") || strings.Contains(name, "GID")
}

// holdsID says the same, or that nothing but USER wants the variable: useradd takes no number
// for a name.
func (d *dockerfileSubject) holdsID(name string) bool {
	if isID(name) {
		return true
	}
	for _, c := range d.runs {
		for _, v := range variables(strings.Join(c.words, " ")) {
			if v.name == name {
				return false
			}
		}
	}
	return true
}

// triggered says that USER is in an ONBUILD, which is about other images, too.
func (d *dockerfileSubject) triggered() bool {
	word, _, _ := strings.Cut(strings.TrimSpace(d.src.Line(d.userLine())), " ")
	return strings.EqualFold(word, "ONBUILD")
}

// withDefault gives an argument a default: its ARG where it has one, otherwise a new one
// at the stage's beginning, or before a line that comes earlier.
func (d *dockerfileSubject) withDefault(name string, before int) edit.Edit {
	for _, c := range d.commands() {
		arg, ok := c.(*instructions.ArgCommand)
		if !ok || len(arg.Args) != 1 || arg.Args[0].Key != name || arg.Args[0].Value != nil {
			continue
		}
		line := dockerfile.Line(arg.Location())
		if text := d.src.Line(line); strings.HasSuffix(text, name) {
			end := d.src.Start(line) + len(text)
			return edit.Edit{Start: end, End: end, New: "=" + appID}
		}
	}
	first := dockerfile.LastLine(d.target().Location) + 1 // what comes before USER may want it, too
	return d.src.Insert(min(first, before), "ARG "+name+"="+appID)
}

// fixGroup adds a group to USER, unless the base image may know the user, or count on group 0.
func (a *auditor) fixGroup(f *Finding, d *dockerfileSubject) {
	if d.triggered() || !d.baseRoot && !a.own() {
		return
	}
	user, group := strings.CutSuffix(d.UserFrom.User, ":")
	text := user
	if strings.Contains(user, userArg) && d.Env[groupArg] != "" {
		text = "${GROUP_ID:?GROUP_ID is empty}"
	}
	if !group {
		text = ":" + text
	}
	line := d.userLine()
	from := d.src.Start(line)
	at := strings.Index(string(d.src.Text[from:d.src.Start(line+1)]), d.UserFrom.User)
	if at < 0 || strings.ContainsAny(user, "\"' ") {
		return
	}
	end := from + at + len(d.UserFrom.User)
	d.fix(f, edit.Edit{Start: end, End: end, New: text})
}

// fixNumeric writes the template's USER where both arguments are there for it.
func (d *dockerfileSubject) fixNumeric(f *Finding) {
	if d.UserFrom == nil || d.triggered() || d.Env[userArg] == "" || d.Env[groupArg] == "" || d.UserFrom.User == strings.TrimPrefix(userLine, "USER ") {
		f.Hint = "take the arguments USER_ID and GROUP_ID and end with " + userLine
		return
	}
	d.fix(f, d.src.Replace(d.userLine(), dockerfile.LastLine(d.UserFrom.Location()), userLine))
}

// fixHome sets HOME to what the user was created with.
func (d *dockerfileSubject) fixHome(f *Finding) {
	for _, c := range d.runs {
		if c.program() != "useradd" && c.program() != "adduser" {
			continue
		}
		home, ok := c.flag("-d", "--home-dir")
		if !ok && c.program() == "adduser" {
			home, ok = c.flag("-h", "--home")
		}
		if !ok {
			home = "/home/" + c.words[len(c.words)-1]
		}
		if strings.HasPrefix(home, "/") && !strings.ContainsAny(home, " $\"'") {
			d.fix(f, d.src.Insert(d.userLine(), "ENV HOME="+home))
			return
		}
	}
}

// tokenOf is where a scalar's text is, quotes included; ok is false for one that is
// not on one line.
func tokenOf(p composefile.Place) (from, to int, ok bool) {
	from = p.File.Offset(p.Value.Line, p.Value.Column)
	text, _, _ := strings.Cut(string(p.File.Text[from:p.File.Start(p.Value.Line+1)]), "\n")
	for strings.HasPrefix(text, "&") || strings.HasPrefix(text, "!") { // an anchor or tag before it
		_, rest, found := strings.Cut(text, " ")
		if !found {
			return 0, 0, false
		}
		rest = strings.TrimLeft(rest, " ")
		from, text = from+len(text)-len(rest), rest
	}
	switch {
	case strings.HasPrefix(text, `"`), strings.HasPrefix(text, `'`):
		end := strings.IndexByte(text[1:], text[0])
		if end < 0 || text[1:1+end] != p.Value.Value {
			return 0, 0, false // escapes: better left to a person
		}
		return from, from + end + 2, true
	case p.Value.Value != "" && strings.HasPrefix(text, p.Value.Value):
		return from, from + len(p.Value.Value), true
	}
	return 0, 0, false
}
