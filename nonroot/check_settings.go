package nonroot

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/compose/edit"
)

func (a *auditor) settings() {
	for _, problem := range a.options.Problems {
		a.problem(problem)
	}
	if !a.own() {
		return
	}
	c := a.options.Conventions
	for _, path := range c.Files {
		a.settingsFile(path)
	}
	a.overridden()
	switch c.User.GID {
	case 6, 15, 27, 42:
		a.found("E08", OK, nil, a.settingSpot(c.GID), "%s is %d, which is a group with rights of its own in Debian", c.GID.Name, c.User.GID)
	}
}

// problem reports an ID that cannot be used, or a variable that must be set.
func (a *auditor) problem(p Problem) {
	if p.Unset {
		f := a.found("E01", Note, nil, a.mention(p.Setting.Name), "Compose does not start this: %v", p.Err)
		f.blocks = false
		return
	}
	at := a.settingSpot(p.Setting)
	f := a.found("E01", OK, nil, at, "%v", p.Err)
	f.Hint = p.Hint
	src := a.source(at.path)
	if name, _, ok := strings.Cut(src.Line(p.Setting.Line), "="); ok {
		f.fixBy(at.path, src.Replace(p.Setting.Line, p.Setting.Line, name+"="+appID))
	}
}

// settingSpot is where a setting is set, and the Compose file for what no file sets.
func (a *auditor) settingSpot(s Setting) spot {
	if s.Line == 0 {
		return spot{path: a.project.ComposeFiles[0]}
	}
	return a.source(s.File).spot(s.Line)
}

func (a *auditor) mention(name string) spot {
	for _, f := range a.set.Files() {
		if i := bytes.Index(f.Text, []byte("${"+name)); i >= 0 {
			line, column := f.At(i)
			return spot{path: f.Path, line: line, col: column, end: column + len("${") + len(name)}
		}
	}
	return spot{path: a.project.ComposeFiles[0]}
}

// assignment is a line of a settings file that sets a name.
type assignment struct {
	name, value string
	at          spot // of the name
}

func assignments(src *source) []assignment {
	var all []assignment
	for n := range src.Lines() {
		name, value, ok := strings.Cut(src.Line(n+1), "=")
		name = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), "export "))
		if ok && name != "" && !strings.HasPrefix(name, "#") {
			at := spot{path: src.Path, line: n + 1, col: 1, end: len(name) + 1}
			all = append(all, assignment{name, strings.TrimSpace(value), at})
		}
	}
	return all
}

func (a *auditor) overridden() {
	c := a.options.Conventions
	for _, inForce := range []Setting{c.UID, c.GID} {
		var last assignment // the one that counts of all files
		for _, path := range c.Files {
			for _, set := range assignments(a.source(path)) {
				if set.name == inForce.Name {
					last = set
				}
			}
		}
		if inForce.Environment && last.name != "" && last.value != inForce.Value {
			a.found("E02", OK, nil, last.at, "%s is %s here, but the environment's %s wins", inForce.Name, last.value, inForce.Value)
		}
	}
}

func (a *auditor) settingsFile(path string) {
	src := a.source(path)
	if bytes.HasPrefix(src.Text, []byte("\ufeff")) {
		f := a.found("E03", OK, nil, spot{path: path, line: 1, col: 1, end: 2}, "the file begins with a byte order mark")
		f.fixBy(path, edit.Edit{End: len("\ufeff")})
	}
	if i := bytes.Index(src.Text, []byte("\r\n")); i >= 0 {
		line, column := src.At(i)
		f := a.found("E03", OK, nil, spot{path: path, line: line, col: column, end: column + 1}, "lines end in carriage returns, which some tools keep as a part of the value")
		f.fixBy(path, carriageReturns(src.Text)...)
	}
	before := make(map[string]spot)
	for _, set := range assignments(src) {
		if at, again := before[set.name]; again {
			f := a.found("E03", OK, nil, at, "%s is set again on line %d, which counts", set.name, set.at.line)
			f.fixBy(path, edit.Edit{Start: src.Start(at.line), End: src.Start(at.line + 1)})
		}
		before[set.name] = set.at
		a.quoted(src, set)
	}
}

// quoted reports an ID in quotes; what else is in quotes may need them.
func (a *auditor) quoted(src *source, set assignment) {
	names, value := []string{a.options.Conventions.UID.Name, a.options.Conventions.GID.Name}, set.value
	if !slices.Contains(names, set.name) || len(value) < 2 || value[0] != '"' && value[0] != '\'' {
		return
	}
	inner := value[1 : len(value)-1]
	if _, err := strconv.Atoi(inner); err != nil {
		return
	}
	f := a.found("E03", OK, nil, set.at, "%s is in quotes, which some readers keep as a part of the value", set.name)
	name, _, _ := strings.Cut(src.Line(set.at.line), "=")
	f.fixBy(src.Path, src.Replace(set.at.line, set.at.line, strings.TrimSpace(name)+"="+inner))
}

func carriageReturns(text []byte) []edit.Edit {
	var edits []edit.Edit
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '\r' && text[i+1] == '\n' {
			edits = append(edits, edit.Edit{Start: i, End: i + 1})
		}
	}
	return edits
}
