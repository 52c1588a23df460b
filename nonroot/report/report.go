// Package report shows the findings of package nonroot: as text in the way of compilers, and as JSON and SARIF
// for programs. [Options] have what a report says about the program that makes it.
package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/nonroot"
)

// Options are what reports say about the program that shows them.
type Options struct {
	// Tool is the program's name in SARIF; "" stands for "nonroot".
	Tool string
	// Fix returns the command line that fixes findings of a level, such as "mytool fix"; nil where there is
	// none.
	Fix func(nonroot.Level) string
}

// Text returns the findings as a compiler shows them, each with its line, and a last line that counts them.
// Text from files is made safe for a terminal.
func Text(r nonroot.Report, o Options) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s %s: %s%s\n", safetext.Line(f.Where()), f.Level, f.Rule, safetext.Line(f.Message), services(f))
		if f.Source != "" && f.Line > 0 {
			source(&b, f)
		}
		switch {
		case f.Fixable && o.Fix != nil:
			fmt.Fprintf(&b, "      = fixed by: %s\n", o.Fix(f.Level))
		case f.Fixable:
			b.WriteString("      = has a safe fix\n")
		case f.Hint != "":
			fmt.Fprintf(&b, "      = %s\n", safetext.Line(f.Hint))
		}
	}
	b.WriteString(outcomes(r) + summary(r, o) + "\n")
	return b.String()
}

// outcomes is one line that counts services and jobs by the users that they run as, and those of which that cannot be told; "" where
// there are none.
func outcomes(r nonroot.Report) string {
	var parts []string
	for _, o := range nonroot.Outcomes {
		if n := r.Judged(o); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "services: " + strings.Join(parts, ", ") + "\n"
}

// summary is one line that counts the findings.
func summary(r nonroot.Report, o Options) string {
	if len(r.Findings) == 0 {
		return fmt.Sprintf("no finding in %s%s", english.Plural(r.Services, "service", ""), suppressed(r))
	}
	text := fmt.Sprintf("%s, %s and %s in %s%s", english.Plural(r.Count(nonroot.Error), "error", ""), english.Plural(r.Count(nonroot.Warning), "warning", ""),
		english.Plural(r.Count(nonroot.Note), "note", ""), english.Plural(r.Services, "service", ""), suppressed(r))
	fixable := 0
	for _, f := range r.AtLeast(nonroot.Warning) {
		if f.Fixable {
			fixable++
		}
	}
	switch {
	case fixable == 0:
	case o.Fix != nil:
		text += fmt.Sprintf("; %q fixes %d", o.Fix(nonroot.Warning), fixable)
	default:
		text += fmt.Sprintf("; %d %s a safe fix", fixable, english.PluralWord(fixable, "error or warning has", "errors and warnings have"))
	}
	return text
}

// suppressed tells what is not shown.
func suppressed(r nonroot.Report) string {
	text := ""
	if r.Suppressed > 0 {
		text += fmt.Sprintf(" (%d suppressed)", r.Suppressed)
	}
	if r.Baseline > 0 {
		text += fmt.Sprintf(" (%d in the baseline)", r.Baseline)
	}
	if r.Omitted > 0 {
		text += fmt.Sprintf(" (and %d more of the same)", r.Omitted)
	}
	return text
}

// services names them where the message does not.
func services(f nonroot.Finding) string {
	if f.Named || len(f.Services) == 0 {
		return ""
	}
	names := f.Services
	if more := len(names) - 5; more > 0 {
		names = append(slices.Clone(names[:5]), fmt.Sprintf("and %d more", more))
	}
	return safetext.Line(" [" + strings.Join(names, ", ") + "]")
}

// source shows the line and what of it is meant.
func source(b *strings.Builder, f nonroot.Finding) {
	fmt.Fprintf(b, "%5d | %s\n", f.Line, safetext.Line(f.Source))
	line := []rune(f.Source)
	pad := min(max(f.Column-1, 0), len(line))
	marks := max(1, min(f.EndColumn, len(line)+1)-f.Column)
	fmt.Fprintf(b, "      | %s^%s\n", strings.Repeat(" ", pad), strings.Repeat("~", marks-1))
}

// Version is the version of the shape of [JSON]. It grows when a field is removed or changes its meaning, not
// when one is added.
const Version = 1

// JSON is a report for programs.
type JSON struct {
	// Version is [Version].
	Version int `json:"version"`
	// Project is the Compose project's name.
	Project string `json:"project"`
	// Findings are ordered by file, line, column and rule.
	Findings []nonroot.Finding `json:"findings"`
	// Services say which user each service and job runs as.
	Services []nonroot.Verdict `json:"services"`
	// Summary counts them.
	Summary Counts `json:"summary"`
}

// Counts are how many findings there are.
type Counts struct {
	// Errors, Warnings and Notes count findings by their level.
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
	// Suppressed, Omitted and Services are those of [nonroot.Report].
	Suppressed int `json:"suppressed"`
	Omitted    int `json:"omitted"`
	// Baseline is how many findings were left out because a baseline has them.
	Baseline int `json:"baseline"`
	Services int `json:"services"`
}

// NewJSON returns a report that encoding/json can encode. project is the Compose project's name.
func NewJSON(project string, r nonroot.Report) JSON {
	return JSON{
		Version: Version, Project: project, Findings: append([]nonroot.Finding{}, r.Findings...),
		Services: append([]nonroot.Verdict{}, r.Verdicts...),
		Summary: Counts{
			Errors: r.Count(nonroot.Error), Warnings: r.Count(nonroot.Warning), Notes: r.Count(nonroot.Note),
			Suppressed: r.Suppressed, Omitted: r.Omitted, Services: r.Services, Baseline: r.Baseline,
		},
	}
}
