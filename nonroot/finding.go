package nonroot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/internal/compose/edit"
)

// Level is the severity of a finding, here and in package nonroot/verify.
type Level int

// The levels, the best one first.
const (
	// OK is what was checked and is as it should be. For a rule it means that the rule does not apply.
	OK Level = iota
	// Note is information; nothing has to be done.
	Note
	// Warning is a weakness that is not root today, or what could not be checked.
	Warning
	// Error is root or leads to root, or a service that will not work as its user.
	Error
)

var levelNames = [...]string{"ok", "note", "warning", "error"}

// String is the level's name in messages and JSON: "ok", "note", "warning" or "error".
func (l Level) String() string {
	if l < OK || l > Error {
		return fmt.Sprintf("level(%d)", int(l))
	}
	return levelNames[l]
}

// MarshalText makes JSON show the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (l *Level) UnmarshalText(text []byte) error {
	i := slices.Index(levelNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is not a level", text)
	}
	*l = Level(i)
	return nil
}

// ParseLevel reads the name of a level from which on findings count: "note", "warning" or "error".
func ParseLevel(name string) (Level, error) {
	for _, l := range []Level{Note, Warning, Error} {
		if l.String() == name {
			return l, nil
		}
	}
	return OK, fmt.Errorf("%q is not a level; the levels are error, warning and note", name)
}

// Finding is one thing that a rule found.
type Finding struct {
	// Rule is the rule's ID.
	Rule string `json:"rule"`
	// Level is how bad it is here.
	Level Level `json:"severity"`
	// Message says what is wrong with what, and where that comes from.
	Message string `json:"message"`
	// File is relative to the project's folder, with slashes, also where it is outside ("../shared/Dockerfile").
	File string `json:"file"`
	// Line and Column are from 1, the column in characters; Line is 0 where the finding
	// is about the file as a whole, or about one that is not there.
	Line   int `json:"line"`
	Column int `json:"column"`
	// EndColumn is the column after the last character of the place, on the same line.
	EndColumn int `json:"end_column"`
	// Source is the line.
	Source string `json:"source,omitempty"`
	// Services are the names of the services that it is about.
	Services []string `json:"services,omitempty"`
	// Named says that Message has the names in Services already.
	Named bool `json:"-"`
	// Fixable says that Fix can fix it.
	Fixable bool `json:"fixable"`
	// Hint is what a person must do where Fix cannot.
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

// Where is "FILE:LINE:COLUMN", as compilers write it, and FILE alone where Line is 0.
func (f Finding) Where() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// Report is the result of an audit.
type Report struct {
	// Findings are ordered by file, line, column and rule.
	Findings []Finding
	// Services is how many services were checked.
	Services int
	// Verdicts say which user each of them runs as, and each job, by their names.
	Verdicts []Verdict
	// Suppressed is how many findings are suppressed by comments.
	Suppressed int
	// Baseline is how many findings [Report.Without] left out.
	Baseline int
	// Omitted is how many findings were left out, since one file had more than 500 of the same rule.
	Omitted int
}

// Count returns how many findings have exactly this level.
func (r Report) Count(l Level) int {
	return len(slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Level != l }))
}

// AtLeast returns the findings of a level or worse.
func (r Report) AtLeast(l Level) []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Level < l })
}

// Blocking returns the findings of level [Error] for which a project must not be started: those about the user that
// a service runs as, or about what would make it root all the same.
func (r Report) Blocking() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Level < Error || !f.blocks })
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
		merged[i].Level = max(merged[i].Level, f.Level)
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
