package cli

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/safetext"
	"github.com/im2-audio/im2/pipeline/look"
)

//go:embed verify.html
var verifyHTML string

var verifyPage = template.Must(template.New("verify.html").Funcs(template.FuncMap{"safe": safetext.Line}).Parse(verifyHTML))

// page is the report as one page that needs no other file and runs no script, with every check.
func (r verifyReport) page(now time.Time) (string, error) {
	type group struct {
		// Name is what was checked, About what else is known of it.
		Name, About string
		Checks      []verifyFinding
	}
	var groups []group
	add := func(name, about string, checks []verifyFinding) {
		if len(checks) > 0 {
			groups = append(groups, group{name, about, checks})
		}
	}
	for _, s := range r.Services {
		about := ""
		if s.Asked != "" {
			about = "asked for: " + s.Asked
		}
		add(cmp.Or(strings.TrimPrefix(s.Container, r.Project+"-"), s.Service), about, s.Checks)
	}
	for _, s := range r.Elsewhere {
		add(s.Service+" on "+cmp.Or(s.Node, s.Container), "what it says of itself", s.Checks)
	}
	add("The data folder", "", r.Data)
	add("A container of root", "started to see that the same checks find it", r.Control)
	var text strings.Builder
	err := verifyPage.Execute(&text, map[string]any{
		"Report": r, "Groups": groups, "Style": look.Style, "When": now.UTC().Format("2006-01-02 15:04 UTC"),
		"Summary": fmt.Sprintf("%s, %s", english.Plural(r.Failures, "failure", ""), english.Plural(r.Warnings, "warning", "")),
	})
	return text.String(), err
}
