package manual

import (
	"fmt"
	"strings"
)

//go:generate go run ./generate

// Page is where the targets are documented, relative to the checkout.
const Page = "docs/targets.md"

// head is what stands above the targets.
const head = "<!-- Written from magefiles/, targets/ and internal/usage/manual/note.go: go generate ./internal/usage/manual -->\n" +
	"# Targets\n\n" +
	"`mage` is `go run magefile.go`, `go tool mage`, or an installed Mage (`go install tool`), whichever you like; the first one\n" +
	"hides exit codes behind 1, because `go run` does. `mage` alone shows the targets in groups, `mage help TARGET` explains one. Several\n" +
	"can stand in one line and run in turn: `mage audit up`. What a target must be given comes first, then its flags. `mage -w OTHER\n" +
	"TARGET` works on [another project](other-projects.md).\n\n" +
	"Results go to standard output, progress and notes to standard error. Exit codes are the same everywhere: 0 all right, 1 the\n" +
	"work failed or a check found something, 2 wrong use or settings that cannot be used (nothing was changed), 3 something\n" +
	"outside is missing, 130 interrupted.\n"

// Markdown is the page of all targets.
func Markdown(targets []Target) string {
	var out strings.Builder
	out.WriteString(head)
	notes := Notes()
	out.WriteString("\n| target | |\n|---|---|\n")
	for _, t := range targets {
		fmt.Fprintf(&out, "| [`%s`](#%s) | %s |\n", t.Name, t.Name, t.Synopsis())
	}
	for _, t := range targets {
		section(&out, t, notes[t.Name])
	}
	return out.String()
}

// Synopsis is the first sentence of the help.
func (t Target) Synopsis() string {
	first, _, found := strings.Cut(strings.ReplaceAll(t.Help, "\n", " "), ". ")
	if found {
		first += "."
	}
	return first
}

func section(out *strings.Builder, t Target, note Note) {
	fmt.Fprintf(out, "\n## %s\n\n```text\n%s\n```\n\n", t.Name, t.Usage())
	help := t.Help
	if help != "" {
		help = strings.ToUpper(help[:1]) + help[1:]
	}
	out.WriteString(help + "\n")
	if note.More != "" && !strings.Contains(help, "docs/"+note.More) {
		fmt.Fprintf(out, "\n[%s](%s) tells more.\n", note.More, note.More)
	}
	if len(t.Flags) > 0 {
		out.WriteString("\n| flag | | default |\n|---|---|---|\n")
		for _, f := range t.Flags {
			fmt.Fprintf(out, "| `%s` | %s | %s |\n", strings.TrimSuffix(f.Usage(), "=false"), f.Does, f.otherwise())
		}
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
	var codes []string
	for i, when := range []string{note.Failed, note.Unusable, note.Missing} {
		if when != "" {
			codes = append(codes, fmt.Sprintf("- exit code %d: %s", i+1, when))
		}
	}
	if len(codes) > 0 {
		out.WriteString("\n" + strings.Join(codes, "\n") + "\n")
	}
}

// otherwise is what holds without the flag, in words.
func (f Flag) otherwise() string {
	switch {
	case f.Default != "":
		return f.Default
	case f.Type == "bool":
		return "false"
	default:
		return "-"
	}
}
