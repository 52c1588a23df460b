package nonroot

import (
	"regexp"
	"slices"
	"strings"
)

// suppression is one "# im2:ignore=D12 reason".
type suppression struct {
	path   string
	line   int // of the comment
	column int
	source string
	rules  []string
	reason string
	// first and last are the lines that it is about.
	first, last int
	used        map[string]bool
}

// suppress takes out what comments hold back, and reports comments that hold back nothing
// or say no reason. It returns what is left and how many findings were taken out.
func (a *auditor) suppress(findings []Finding) ([]Finding, int) {
	byPath := a.suppressions()
	var left []Finding
	taken := 0
	for _, f := range findings {
		if held(byPath[f.path], f) {
			taken++
			continue
		}
		left = append(left, f)
	}
	a.findings = nil
	for _, list := range byPath {
		for _, s := range list {
			a.reportSuppression(s)
		}
	}
	if len(a.findings) == 0 {
		return left, taken
	}
	return merge(append(left, a.findings...)), taken
}

// held looks for a comment that holds a finding back.
func held(list []*suppression, f Finding) bool {
	for _, s := range list {
		if slices.Contains(s.rules, f.Rule) && f.Line >= s.first && f.Line <= s.last {
			s.used[f.Rule] = true
			return true
		}
	}
	return false
}

func (a *auditor) reportSuppression(s *suppression) {
	at := spot{path: s.path, line: s.line, col: s.column, end: len([]rune(s.source)) + 1}
	if s.reason == "" {
		a.found("S01", OK, nil, at, "im2:ignore=%s says no reason", strings.Join(s.rules, ","))
	}
	for _, id := range s.rules {
		looked := len(a.options.Only) == 0 || slices.Contains(a.options.Only, id)
		if _, known := a.rules[id]; !known {
			a.found("S02", OK, nil, at, "im2:ignore=%s: there is no such rule", id)
		} else if looked && !s.used[id] && !a.fleeting(id) {
			a.found("S02", OK, nil, at, "im2:ignore=%s holds nothing back", id)
		}
	}
}

// fleeting says that a rule's findings come and go with what this machine has: a comment
// that holds nothing back here may do so elsewhere.
func (a *auditor) fleeting(id string) bool {
	switch id {
	case "D18", "C14", "E02":
		return true
	case "C05", "C06": // only for what is known not to be root
		return !a.own()
	}
	return false
}

// suppressions reads the comments of every file that was judged.
func (a *auditor) suppressions() map[string][]*suppression {
	all := make(map[string][]*suppression)
	for _, name := range a.names {
		if d := a.subjects[name].build; d != nil && d.file != nil && !d.inline && all[d.src.path] == nil {
			all[d.src.path] = comments(d.src, d.lastLines())
		}
	}
	for _, f := range a.set.Files() {
		all[f.Path] = comments(a.source(f.Path), nil)
	}
	for _, f := range a.findings {
		if all[f.path] == nil {
			all[f.path] = comments(a.source(f.path), nil)
		}
	}
	return all
}

// lastLines are the last lines of the instructions that begin on each line.
func (d *dockerfileSubject) lastLines() map[int]int {
	last := make(map[int]int)
	for _, node := range d.file.AST.Children {
		last[node.StartLine] = node.EndLine
	}
	return last
}

var ignorePattern = regexp.MustCompile(`(?:^|\s)(#\s*im2:ignore=([A-Za-z0-9,]*)(?:\s+(.*))?)$`)

// comments finds the suppressions of a file: each is about its own line where something
// stands before it, otherwise about the next line that is no comment, and in a Dockerfile
// about the whole instruction that begins there.
func comments(src *source, last map[int]int) []*suppression {
	found := []*suppression{}
	var next []int
	for i := range src.lines {
		line := src.line(i + 1)
		if !strings.Contains(line, "im2:ignore") {
			continue
		}
		m := ignorePattern.FindStringSubmatchIndex(line)
		if m == nil {
			continue
		}
		s := &suppression{
			path: src.path, line: i + 1, column: len([]rune(line[:m[2]])) + 1, source: line, used: make(map[string]bool),
			rules: strings.FieldsFunc(line[m[4]:m[5]], func(r rune) bool { return r == ',' }),
		}
		if m[6] >= 0 {
			s.reason = strings.TrimSpace(line[m[6]:m[7]])
		}
		s.first = s.line
		if strings.TrimSpace(line[:m[2]]) == "" {
			if next == nil {
				next = src.nextCode()
			}
			s.first = next[s.line]
		}
		s.last = max(s.first, last[s.first])
		found = append(found, s)
	}
	return found
}

// nextCode is, for each line, the first one behind it that is neither empty nor a comment.
func (s *source) nextCode() []int {
	next := make([]int, len(s.lines)+1)
	code := len(s.lines) + 1
	for line := len(s.lines); line > 0; line-- {
		next[line] = code
		if text := strings.TrimSpace(s.line(line)); text != "" && !strings.HasPrefix(text, "#") {
			code = line
		}
	}
	return next
}
