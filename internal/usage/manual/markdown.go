// Package manual writes docs/targets.md and the code that is generated from targets/: what package usage reads of each
// target, with the notes that are declared here.
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
	"`mage` is `go run magefile.go`, `go tool mage`, or an installed Mage (`go install tool`); of the last two\n" +
	"only one may start at a time in a checkout, which must be writable. Several targets run in turn:\n" +
	"`mage audit up`. Required arguments come first, then flags.\n" +
	"`mage -w OTHER TARGET` works on [another project](other-projects.md).\n\n" +
	"Exit codes:\n\n" +
	"- 0: success\n" +
	"- 1: " + itFailed + ". `go run` has no other code for failures\n" +
	"- 2: " + wrongUse + ", or " + noProject + "; nothing was changed\n" +
	"- 3: something outside is missing. For targets that need Docker: " + noEngine + "\n" +
	"- 130: interrupted\n\n" +
	"Below are only other causes.\n"

// Markdown is the page of all targets, in the groups and the order of the overview.
func Markdown(targets *usage.Usage) string {
	var out strings.Builder
	out.WriteString(head)
	for _, group := range targets.Groups() {
		fmt.Fprintf(&out, "\n## %s\n", usage.Capital(group.Title))
		for _, name := range group.Targets {
			if t, ok := targets.Find(name); ok {
				section(&out, t, Notes[t.Name])
			}
		}
	}
	return out.String()
}

var (
	page      = regexp.MustCompile(`docs/([a-z-]+\.md)( of IM2)?`)
	otherwise = regexp.MustCompile(`\(default:? (.*)\)$`)
)

func section(out *strings.Builder, t usage.Target, note Note) {
	help := page.ReplaceAllString(usage.Capital(strings.TrimSpace(t.Synopsis+"\n"+t.More)), "[$1]($1)")
	fmt.Fprintf(out, "\n### %s\n\n%s\n", t.Name, help)
	if note.More != "" && !strings.Contains(help, note.More) {
		fmt.Fprintf(out, "See [%s](%s).\n", note.More, note.More)
	}
	out.WriteString("\n```sh\n")
	width := 0
	for _, e := range note.Examples {
		width = max(width, len(e[0]))
	}
	for _, e := range note.Examples {
		fmt.Fprintf(out, "%-*s  # %s\n", width, e[0], e[1])
	}
	out.WriteString("```\n")
	if len(t.Flags) > 0 {
		out.WriteString("\n")
	}
	for _, f := range t.Flags {
		fmt.Fprintf(out, "- `%s`: %s\n", strings.TrimSuffix(f.Spelling(), "=false"), otherwise.ReplaceAllString(f.Text, "(default: $1)"))
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
