package nonroot

import (
	"regexp"
	"slices"
	"strings"
)

// suppression is one "# im2:ignore=D12 reason".
type suppression struct {
	at     spot // of the comment
	rules  []string
	reason string
	// first and last are the lines that it is about.
	first, last int
	used        map[string]bool
}

// suppress takes out the findings that comments suppress, and reports comments that suppress nothing
// or say no reason. It returns what is left and how many findings were taken out.
func (a *auditor) suppress(findings []Finding) ([]Finding, int) {
	comments := a.suppressions()
	left := slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool {
		i := slices.IndexFunc(comments[f.path], func(s *suppression) bool {
			return slices.Contains(s.rules, f.Rule) && f.Line >= s.first && f.Line <= s.last
		})
		if i >= 0 {
			comments[f.path][i].used[f.Rule] = true
		}
		return i >= 0
	})
	a.findings = nil
	for _, list := range comments {
		for _, s := range list {
			a.reportSuppression(s)
		}
	}
	return merge(append(left, a.findings...)), len(findings) - len(left)
}

func (a *auditor) reportSuppression(s *suppression) {
	if s.reason == "" {
		a.found("S01", OK, nil, s.at, "im2:ignore=%s says no reason", strings.Join(s.rules, ","))
	}
	for _, id := range s.rules {
		if _, known := ruleOf(id); !known {
			a.found("S02", OK, nil, s.at, "im2:ignore=%s: there is no such rule", id)
		} else if a.wanted(id) && !s.used[id] && !a.fleeting(id) {
			a.found("S02", OK, nil, s.at, "im2:ignore=%s suppresses nothing", id)
		}
	}
}

// fleeting says that a rule's findings come and go with what this machine has: a comment
// that suppresses nothing on one may do so on another.
func (a *auditor) fleeting(id string) bool {
	switch id {
	case "D18", "C14", "E02":
		return true
	case "C05", "C06": // only for what is known not to be root
		return !a.own()
	}
	return false
}

// suppressions reads the comments of every file that was checked.
func (a *auditor) suppressions() map[string][]*suppression {
	all := make(map[string][]*suppression)
	for _, s := range a.subjects {
		if d := s.build; d != nil && d.file != nil && !d.inline && all[d.src.Path] == nil {
			last := make(map[int]int) // the last line of each instruction, by its first
			for _, node := range d.file.AST.Children {
				last[node.StartLine] = node.EndLine
			}
			all[d.src.Path] = comments(d.src, last)
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

var ignorePattern = regexp.MustCompile(`(?:^|\s)(#\s*im2:ignore=([A-Za-z0-9,]*)(?:\s+(.*))?)$`)

// comments finds the suppressions of a file: each is about its own line where something is
// before it, otherwise about the next line that is no comment, and in a Dockerfile
// about the whole instruction that begins there.
func comments(src *source, last map[int]int) []*suppression {
	found := []*suppression{}
	next := src.Lines() + 1 // the next line that is neither empty nor a comment
	for n := src.Lines(); n > 0; n-- {
		line := src.Line(n)
		var m []string
		if strings.Contains(line, "im2:ignore") { // the pattern alone takes long for a large file
			m = ignorePattern.FindStringSubmatch(line)
		}
		if m != nil {
			before := strings.TrimSuffix(line, m[1])
			s := &suppression{at: src.spot(n), first: n, reason: strings.TrimSpace(m[3]), used: make(map[string]bool)}
			s.at.col = len([]rune(before)) + 1
			s.rules = strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' })
			if strings.TrimSpace(before) == "" {
				s.first = next
			}
			s.last = max(s.first, last[s.first])
			found = append(found, s)
		}
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "#") {
			next = n
		}
	}
	slices.Reverse(found)
	return found
}
