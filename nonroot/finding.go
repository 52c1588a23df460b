// Package nonroot judges whether anything of a Compose project would run as root, before
// anything is built or started: what Compose would really build and run, with the values
// in force, only the stages that are built, the base image's user, and the service's own
// "user:" on top. Rules holds what is looked for and why; Audit looks; Mend repairs.
package nonroot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/compose/edit"
)

// Severity is how bad a finding is.
type Severity int

// The severities, mildest first.
const (
	// Off means that a rule does not apply.
	Off Severity = iota
	// Note is worth knowing; nothing has to be done.
	Note
	// Warning is a weakness that is not root today.
	Warning
	// Error is root, or a service that will not work as its user.
	Error
)

// String is the severity's name in messages, flags and JSON.
func (s Severity) String() string {
	return [...]string{"off", "note", "warning", "error"}[s]
}

// MarshalText makes JSON show the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseSeverity reads a severity's name.
func ParseSeverity(name string) (Severity, error) {
	for _, s := range []Severity{Note, Warning, Error} {
		if s.String() == name {
			return s, nil
		}
	}
	return Off, fmt.Errorf("%q is no severity: error, warning and note are", name)
}

// Finding is one thing that a rule found.
type Finding struct {
	// Rule is the rule's ID.
	Rule string `json:"rule"`
	// Severity is how bad it is here.
	Severity Severity `json:"severity"`
	// Message says what is wrong, of whom, and where that comes from.
	Message string `json:"message"`
	// File is relative to the project's folder, with slashes, where it is inside.
	File string `json:"file"`
	// Line and Column are from 1, the column in characters; Line is 0 where the finding
	// is about the file as a whole, or about one that is not there.
	Line   int `json:"line"`
	Column int `json:"column"`
	// EndColumn is behind the last character that is meant, on the same line.
	EndColumn int `json:"end_column"`
	// Source is the line.
	Source string `json:"source,omitempty"`
	// Services are those that it is about, by name.
	Services []string `json:"services,omitempty"`
	// Fixable says that Mend can repair it.
	Fixable bool `json:"fixable"`
	// Hint is what a person must do where Mend cannot.
	Hint string `json:"hint,omitempty"`

	path   string // absolute
	fix    []change
	blocks bool
}

// change is a piece of a fix: edits of one file.
type change struct {
	path  string
	edits []edit.Edit
}

// Where is "FILE:LINE:COLUMN", as compilers write it.
func (f Finding) Where() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// Report is what an audit comes to.
type Report struct {
	// Findings are ordered by file, line, column and rule.
	Findings []Finding
	// Services is how many services were judged.
	Services int
	// Suppressed is how many findings a comment with a reason holds back.
	Suppressed int
	// Omitted is how many findings were one of too many of the same rule in one file.
	Omitted int
}

// Count returns how many findings have a severity.
func (r Report) Count(s Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// AtLeast returns the findings of a severity or worse.
func (r Report) AtLeast(s Severity) []Finding {
	var found []Finding
	for _, f := range r.Findings {
		if f.Severity >= s {
			found = append(found, f)
		}
	}
	return found
}

// Blocking returns the findings for which a project must not be started: errors about who
// a service runs as, or about what would make it root all the same.
func (r Report) Blocking() []Finding {
	var found []Finding
	for _, f := range r.Findings {
		if f.Severity == Error && f.blocks {
			found = append(found, f)
		}
	}
	return found
}

// merge drops what was found twice, such as one Dockerfile's mistake in each service that
// is built from it, and sorts.
func merge(findings []Finding) []Finding {
	type key struct {
		rule, file, message string
		line, column        int
	}
	at := make(map[key]int)
	var merged []Finding
	for _, f := range findings {
		k := key{f.Rule, f.path, f.Message, f.Line, f.Column}
		i, seen := at[k]
		if !seen {
			at[k] = len(merged)
			merged = append(merged, f)
			continue
		}
		merged[i].Services = append(merged[i].Services, f.Services...)
		merged[i].Severity = max(merged[i].Severity, f.Severity)
		merged[i].fix = append(merged[i].fix, f.fix...)
	}
	for i := range merged {
		slices.Sort(merged[i].Services)
		merged[i].Services = slices.Compact(merged[i].Services)
	}
	slices.SortStableFunc(merged, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Rule, b.Rule))
	})
	return merged
}
