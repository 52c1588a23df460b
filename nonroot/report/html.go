package report

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/pipeline/look"
)

//go:embed report.html
var page string

var pages = template.Must(template.New("report.html").Funcs(template.FuncMap{
	"before": func(f nonroot.Finding) string { return cut(f, 0, f.Column-1) },
	"marked": func(f nonroot.Finding) string { return cut(f, f.Column-1, f.EndColumn-1) },
	"after":  func(f nonroot.Finding) string { return cut(f, f.EndColumn-1, len(f.Source)) },
	"slug":   func(text any) string { return strings.ReplaceAll(strings.TrimSpace(asText(text)), " ", "-") },
	"safe":   safetext.Line,
	"join":   strings.Join,
}).Parse(page))

func asText(v any) string {
	switch v := v.(type) {
	case nonroot.Outcome:
		return string(v)
	case nonroot.Level:
		return v.String()
	}
	return ""
}

// cut is a part of a finding's line, counted in characters.
func cut(f nonroot.Finding, from, to int) string {
	runes := []rune(f.Source)
	from, to = min(max(from, 0), len(runes)), min(max(to, 0), len(runes))
	if from >= to {
		return ""
	}
	return safetext.Line(string(runes[from:to]))
}

// HTML writes a report as one page that needs no other file and runs no script: the services with the user that each runs as, and
// the findings with their lines. project is the Compose project's name. The error is that of w.
func HTML(w io.Writer, project string, r nonroot.Report, o Options) error {
	found := make(map[string][]nonroot.Finding)
	for _, f := range r.Findings {
		for _, s := range f.Services {
			found[s] = append(found[s], f)
		}
	}
	type row struct {
		nonroot.Verdict
		Errors, Warnings, Notes int
	}
	var rows []row
	for _, v := range r.Verdicts {
		of := nonroot.Report{Findings: found[strings.TrimPrefix(v.Service, "job ")]}
		rows = append(rows, row{v, of.Count(nonroot.Error), of.Count(nonroot.Warning), of.Count(nonroot.Note)})
	}
	if !utf8.ValidString(project) {
		project = strings.ToValidUTF8(project, "?")
	}
	return pages.Execute(w, map[string]any{
		"Project": project, "Rows": rows, "Findings": r.Findings, "Summary": summary(r, o), "Outcomes": outcomes(r), "Style": look.Style,
	})
}
