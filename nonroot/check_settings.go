package nonroot

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/compose/edit"
)

// settings judges the IDs and the files that they stand in.
func (a *auditor) settings() {
	for _, problem := range a.options.Problems {
		a.problem(problem)
	}
	if !a.own() {
		return
	}
	for _, path := range a.options.Conventions.Files {
		a.settingsFile(path)
	}
	a.overridden()
	switch gid := a.options.Conventions.User.GID; gid {
	case 6, 15, 27, 42:
		setting := a.options.Conventions.GID
		a.found("E08", OK, nil, a.settingSpot(setting), "%s is %d, which is a group with rights of its own in Debian", setting.Name, gid)
	}
}

// problem reports an ID that cannot be used, or a variable that must be set.
func (a *auditor) problem(p Problem) {
	at := a.settingSpot(p.Setting)
	if p.Unset {
		at = a.mention(p.Setting.Name)
		f := a.found("E01", Note, nil, at, "Compose does not start this: %v", p.Err)
		f.blocks = false
		return
	}
	f := a.found("E01", OK, nil, at, "%v", p.Err)
	f.Hint = p.Hint
	if p.Setting.Line == 0 {
		return
	}
	src := a.source(at.path)
	line := src.line(p.Setting.Line)
	if name, _, ok := strings.Cut(line, "="); ok {
		a.fixable(f, at.path, src.replace(p.Setting.Line, p.Setting.Line, name+"=1000"))
	}
}

// settingSpot is where a setting is set, and the Compose file for what no file sets.
func (a *auditor) settingSpot(s Setting) spot {
	if s.Line == 0 {
		return spot{path: a.project.ComposeFiles[0]}
	}
	return spot{path: s.File, line: s.Line, col: 1, end: len([]rune(a.source(s.File).line(s.Line))) + 1}
}

// mention is where a Compose file first wants a variable to be set.
func (a *auditor) mention(name string) spot {
	for _, f := range a.set.Files() {
		src := a.source(f.Path)
		for i := range src.lines {
			if line := src.line(i + 1); strings.Contains(line, "${"+name) {
				before, _, _ := strings.Cut(line, "${"+name)
				column := len([]rune(before)) + 1
				return spot{path: f.Path, line: i + 1, col: column, end: column + len(name) + len("${")}
			}
		}
	}
	return spot{path: a.project.ComposeFiles[0]}
}

// overridden reports IDs of the environment that are others than the files'.
func (a *auditor) overridden() {
	c := a.options.Conventions
	for _, inForce := range []Setting{c.UID, c.GID} {
		if !inForce.Environment {
			continue
		}
		for _, path := range slices.Backward(c.Files) {
			line, value := assigned(a.source(path), inForce.Name)
			if line == 0 {
				continue
			}
			if value != inForce.Value {
				a.found("E02", OK, nil, spot{path: path, line: line, col: 1, end: len(inForce.Name) + 1}, "%s is %s here, but the environment's %s wins", inForce.Name, value, inForce.Value)
			}
			break
		}
	}
}

// assigned finds the last line that sets a name, and the value there.
func assigned(src *source, name string) (line int, value string) {
	for i := range src.lines {
		key, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(src.line(i+1)), "export "), "=")
		if ok && strings.TrimSpace(key) == name {
			line, value = i+1, strings.TrimSpace(rest)
		}
	}
	return line, value
}

// settingsFile judges how a settings file is written.
func (a *auditor) settingsFile(path string) {
	src := a.source(path)
	if bytes.HasPrefix(src.text, []byte("\ufeff")) {
		f := a.found("E03", OK, nil, spot{path: path, line: 1, col: 1, end: 2}, "the file begins with a byte order mark")
		a.fixable(f, path, edit.Edit{End: len("\ufeff")})
	}
	if i := bytes.Index(src.text, []byte("\r\n")); i >= 0 {
		line, column := src.at(i)
		f := a.found("E03", OK, nil, spot{path: path, line: line, col: column, end: column + 1}, "lines end in carriage returns, which some tools keep as a part of the value")
		a.fixable(f, path, carriageReturns(src.text)...)
	}
	seen := make(map[string]int)
	for i := range src.lines {
		line := src.line(i + 1)
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), "export "))
		if !ok || name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if before := seen[name]; before > 0 {
			f := a.found("E03", OK, nil, spot{path: path, line: before, col: 1, end: len(name) + 1}, "%s is set again on line %d, which counts", name, i+1)
			a.fixable(f, path, edit.Edit{Start: src.start(before), End: src.start(before + 1)})
		}
		seen[name] = i + 1
		a.quoted(src, i+1, name, strings.TrimSpace(value))
	}
}

// quoted reports an ID in quotes; what else stands in quotes may need them.
func (a *auditor) quoted(src *source, line int, name, value string) {
	c := a.options.Conventions
	if name != c.UID.Name && name != c.GID.Name || len(value) < 2 || value[0] != '"' && value[0] != '\'' {
		return
	}
	inner := value[1 : len(value)-1]
	if _, err := strconv.Atoi(inner); err != nil {
		return
	}
	f := a.found("E03", OK, nil, spot{path: src.path, line: line, col: 1, end: len(name) + 1}, "%s stands in quotes, which some readers keep as a part of the value", name)
	a.fixable(f, src.path, src.replace(line, line, fmt.Sprintf("%s=%s", strings.TrimSpace(strings.SplitN(src.line(line), "=", 2)[0]), inner)))
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
