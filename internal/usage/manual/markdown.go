package manual

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/im2-audio/im2/internal/usage"
)

//go:generate go run ./generate

// Page is where the targets are documented, relative to the checkout.
const Page = "docs/targets.md"

// head is the text above the targets.
const head = "<!-- Written from magefiles/, targets/ and internal/usage/manual/note.go: go generate ./internal/usage/manual -->\n" +
	"# Targets\n\n" +
	"`mage` is `go run magefile.go`, `go tool mage`, or an installed Mage (`go install tool`). `mage` alone lists the targets,\n" +
	"`mage help TARGET` explains one. Several targets run in turn: `mage audit up`. Required arguments come first, then flags.\n" +
	"`mage -w OTHER TARGET` works on [another project](other-projects.md).\n\n" +
	"Results go to standard output, progress and notes to standard error. Exit codes:\n\n" +
	"- 0: success\n" +
	"- 1: " + itFailed + ". `go run` has no other code for failures\n" +
	"- 2: " + wrongUse + ", or " + noProject + "; nothing was changed\n" +
	"- 3: something outside is missing. For targets that need Docker: " + noEngine + "\n" +
	"- 130: interrupted\n\n" +
	"Only other causes are listed below.\n"

// Markdown is the page of all targets, in the groups and the order of the overview.
func Markdown(targets []Target) string {
	known := &usage.Usage{}
	for _, t := range targets {
		known.Targets = append(known.Targets, usage.Target{Name: t.Name, Mage: t.Function})
	}
	var out strings.Builder
	out.WriteString(head)
	notes := Notes()
	for _, group := range known.Groups() {
		fmt.Fprintf(&out, "\n## %s\n", capital(group.Title))
		for _, name := range group.Targets {
			if t, ok := Find(targets, name); ok {
				section(&out, t, notes[t.Name])
			}
		}
	}
	return out.String()
}

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func section(out *strings.Builder, t Target, note Note) {
	help := regexp.MustCompile(`docs/([a-z-]+\.md)( of IM2)?`).ReplaceAllString(capital(t.Help), "[$1]($1)")
	fmt.Fprintf(out, "\n### %s\n\n%s\n", t.Name, help)
	if note.More != "" && !strings.Contains(help, note.More) {
		fmt.Fprintf(out, "See [%s](%s).\n", note.More, note.More)
	}
	out.WriteString("\n```sh\n")
	width := 0
	for _, e := range note.Examples {
		width = max(width, len(e.Command))
	}
	for _, e := range note.Examples {
		fmt.Fprintf(out, "%-*s  # %s\n", width, e.Command, e.For)
	}
	out.WriteString("```\n")
	if len(t.Flags) > 0 {
		out.WriteString("\n")
	}
	for _, f := range t.Flags {
		fmt.Fprintf(out, "- `%s`: %s%s\n", strings.TrimSuffix(f.Usage(), "=false"), f.Does, f.otherwise())
	}
	var codes []string
	for i, when := range []string{note.Failed, note.Unusable, note.Missing} {
		for _, common := range []string{noProject, noEngine, wrongUse, itFailed} {
			when = strings.TrimPrefix(strings.TrimPrefix(when, common), "; ")
		}
		if when != "" {
			codes = append(codes, fmt.Sprintf("%d: %s.", i+1, when))
		}
	}
	if len(codes) > 0 {
		fmt.Fprintf(out, "\nExit code %s\n", strings.Join(codes, " "))
	}
}

// otherwise is what holds without the flag, in brackets.
func (f Flag) otherwise() string {
	if f.Default == "" {
		return ""
	}
	return " (default: " + f.Default + ")"
}
