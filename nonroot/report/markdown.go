package report

import (
	"fmt"
	"strings"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/capability"
)

// Markdown is the documentation of the rules, from the rules themselves.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| | rule | severity | elsewhere | fixed by `-fix` |\n|---|---|---|---|---|\n")
	for _, r := range nonroot.Rules() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s |\n", r.ID, strings.ToLower(r.ID), r.Title, r.Own, r.Elsewhere, yes(r.Fix != ""))
	}
	for _, r := range nonroot.Rules() {
		fmt.Fprintf(&b, "\n### %s\n\n**%s%s** (%s", r.ID, strings.ToUpper(r.Title[:1]), r.Title[1:], r.Own)
		if r.Elsewhere != r.Own {
			fmt.Fprintf(&b, "; %s in a project without `x-im2`", r.Elsewhere)
		}
		if r.Varies != "" {
			fmt.Fprintf(&b, "; %s", r.Varies)
		}
		fmt.Fprintf(&b, "). %s\nSource: %s.\n", r.Why, r.Source)
		if r.Fix != "" {
			fmt.Fprintf(&b, "`-fix` %s.\n", r.Fix)
		}
		if r.Blocks {
			b.WriteString("As an error it keeps `mage up` from starting the project.\n")
		}
		fmt.Fprintf(&b, "\n```%s\n# wrong\n%s\n# right\n%s```\n", language(r.ID), r.Wrong, r.Right)
	}
	b.WriteString(capabilities())
	return b.String()
}

// capabilities is the table of what each is worth.
func capabilities() string {
	var strong, weak strings.Builder
	for _, c := range capability.Known() {
		if c.Reach == capability.Process {
			fmt.Fprintf(&weak, ", `%s`", c.Name)
		} else {
			fmt.Fprintf(&strong, "| `%s` | %s | %s |\n", c.Name, c.Can, c.Reach)
		}
	}
	return "\n### Capabilities\n\n`cap_add` with one of these, or with `ALL`, is a finding of C04, and a failure of `mage verify`:\n\n" +
		"| capability | a process with it can | which is |\n|---|---|---|\n" + strong.String() +
		"\nThese are accepted: " + strings.TrimPrefix(weak.String(), ", ") + ".\n"
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

func language(id string) string {
	switch id[0] {
	case 'D', 'S':
		return "dockerfile"
	case 'C':
		return "yaml"
	case 'E':
		return "dotenv"
	default: // an ignore file
		return "text"
	}
}
