package report_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/internal/capability"
)

// markdown is the documentation of the rules, from the rules themselves and their examples.
func markdown(t *testing.T) string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("..", "testdata", "rules.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	examples := make(map[string]string)
	for _, f := range archive.Files {
		examples[f.Name] = string(f.Data)
	}
	var b strings.Builder
	for _, r := range nonroot.Rules() {
		fmt.Fprintf(&b, "\n### %s\n\n**%s.** %s.", r.ID, sentence(r.Title), severity(r))
		if r.Varies != "" {
			fmt.Fprintf(&b, " %s.", sentence(r.Varies))
		}
		b.WriteString(" " + r.Why)
		if r.Fix != "" {
			fmt.Fprintf(&b, " `-fix` %s.", r.Fix)
		}
		fmt.Fprintf(&b, " Source: %s.\n\n```diff\n%s```\n", r.Source, change(examples[r.ID+"/wrong"], examples[r.ID+"/right"]))
	}
	b.WriteString(capabilities())
	return b.String()
}

// severity says how bad a finding is, here and elsewhere, and whether "mage up" refuses it.
func severity(r nonroot.Rule) string {
	text := sentence(levelName(r.Own))
	if r.Elsewhere != r.Own {
		text += ", elsewhere " + levelName(r.Elsewhere)
	}
	if r.Blocks {
		text += "; stops `mage up`"
	}
	return text
}

// levelName is a rule's level; a rule that does not apply is off.
func levelName(l nonroot.Level) string {
	if l == nonroot.OK {
		return "off"
	}
	return l.String()
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// change shows the lines in which two examples differ. Where lines are only added or only removed, the line
// before them shows the place.
func change(wrong, right string) string {
	old, fresh := strings.SplitAfter(wrong, "\n"), strings.SplitAfter(right, "\n")
	before := ""
	for old[0] == fresh[0] {
		before, old, fresh = old[0], old[1:], fresh[1:]
	}
	for len(old) > 0 && len(fresh) > 0 && old[len(old)-1] == fresh[len(fresh)-1] {
		old, fresh = old[:len(old)-1], fresh[:len(fresh)-1]
	}
	var b strings.Builder
	if before != "" && (len(old) == 0 || len(fresh) == 0) {
		b.WriteString(" " + before)
	}
	for _, line := range old {
		b.WriteString("-" + line)
	}
	for _, line := range fresh {
		b.WriteString("+" + line)
	}
	return b.String()
}

// capabilities lists what each permits.
func capabilities() string {
	var machine, container strings.Builder
	for _, c := range capability.Known() {
		switch c.Reach {
		case capability.Machine:
			fmt.Fprintf(&machine, "- `%s`: %s\n", c.Name, c.Can)
		case capability.Container:
			fmt.Fprintf(&container, "- `%s`: %s\n", c.Name, c.Can)
		}
	}
	return "\n### Capabilities\n\nThese, and `ALL`, in `cap_add` are a finding of C04 and a failure of `mage verify`.\n\n" +
		"With " + string(capability.Machine) + ":\n\n" + machine.String() +
		"\nWith " + string(capability.Container) + ":\n\n" + container.String() +
		"\nAll others that Linux has today are accepted.\n"
}
