// Package report shows what an audit found: as compilers write it for people, as JSON and
// SARIF for programs, and the rules themselves as documentation.
package report

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/nonroot"
)

// Text returns the findings as a compiler shows them, and a line that counts them.
func Text(r nonroot.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s %s: %s%s\n", safetext.Line(f.Where()), f.Severity, f.Rule, safetext.Line(f.Message), services(f))
		if f.Source != "" && f.Line > 0 {
			source(&b, f)
		}
		switch {
		case f.Fixable && f.Severity == nonroot.Note:
			b.WriteString("      = fixed by: mage audit -fix -threshold=note\n")
		case f.Fixable:
			b.WriteString("      = fixed by: mage audit -fix\n")
		case f.Hint != "":
			fmt.Fprintf(&b, "      = %s\n", safetext.Line(f.Hint))
		}
	}
	b.WriteString(Summary(r) + "\n")
	return b.String()
}

// Summary is one line that counts the findings.
func Summary(r nonroot.Report) string {
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
	if fixable > 0 {
		text += fmt.Sprintf("; \"mage audit -fix\" mends %d", fixable)
	}
	return text
}

// Findings is "1 finding is" or "N findings are".
func Findings(n int) string {
	if n == 1 {
		return "1 finding is"
	}
	return fmt.Sprintf("%d findings are", n)
}

// suppressed tells what is not shown.
func suppressed(r nonroot.Report) string {
	text := ""
	if r.Suppressed > 0 {
		text += fmt.Sprintf(" (%d suppressed)", r.Suppressed)
	}
	if r.Omitted > 0 {
		text += fmt.Sprintf(" (and %d more of the same)", r.Omitted)
	}
	return text
}

// services names them where the message does not.
func services(f nonroot.Finding) string {
	var others []string
	for _, name := range f.Services {
		if !strings.Contains(f.Message, name) {
			others = append(others, name)
		}
	}
	if len(others) == 0 {
		return ""
	}
	if len(others) > 5 {
		others = append(others[:5], fmt.Sprintf("and %d more", len(f.Services)-5))
	}
	return safetext.Line(" [" + strings.Join(others, ", ") + "]")
}

// source shows the line and what of it is meant.
func source(b *strings.Builder, f nonroot.Finding) {
	fmt.Fprintf(b, "%5d | %s\n", f.Line, safetext.Line(f.Source))
	line := []rune(f.Source)
	pad := min(max(f.Column-1, 0), len(line))
	marks := max(1, min(f.EndColumn, len(line)+1)-f.Column)
	fmt.Fprintf(b, "      | %s^%s\n", strings.Repeat(" ", pad), strings.Repeat("~", marks-1))
}
