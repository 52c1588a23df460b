package usage

import (
	"fmt"
	"strings"
)

const indent = "  "

// narrowest is the number of columns below which an entry's text goes below its name.
const narrowest = 60

// Overview is every target with its line of help, in groups below a title, for a screen of so many
// columns.
func (u *Usage) Overview(title string, columns int) string {
	var b strings.Builder
	widest := 0
	for _, t := range u.Targets {
		widest = max(widest, len(t.Name))
	}
	b.WriteString(fill(title, "", "", columns))
	for _, group := range u.Groups() {
		var entries strings.Builder
		for _, name := range group.Targets {
			if t, ok := u.Find(name); ok {
				entries.WriteString(entry(t.Name, t.brief(), widest, columns))
			}
		}
		if entries.Len() > 0 {
			b.WriteString("\n" + group.Title + "\n" + entries.String())
		}
	}
	b.WriteString("\n" + fill(`"mage `+u.Prefix+`help `+u.Prefix+`TARGET" explains a target and its flags, "mage -l" lists them all by name.`, "", "", columns))
	return b.String()
}

// Explain is what there is to say of one target, for a screen of so many columns.
func (t Target) Explain(note Note, columns int) string {
	var b strings.Builder
	b.WriteString(fill(t.line(), "", indent, columns))
	b.WriteString("\n" + fill(Capital(strings.TrimSpace(t.Synopsis+" "+t.More)), "", "", columns))
	var flags []Example
	for _, f := range t.Flags {
		flags = append(flags, Example{f.Spelling(), f.Text})
	}
	b.WriteString(list("Flags", flags, columns) + list("Examples", note.Examples, columns) + list("Exit codes", note.Codes(), columns))
	return b.String()
}

// list is a heading, and names with their texts; nothing where there are none.
func list(heading string, entries []Example, columns int) string {
	if len(entries) == 0 {
		return ""
	}
	widest := 0
	for _, e := range entries {
		widest = max(widest, len(e[0]))
	}
	var b strings.Builder
	b.WriteString("\n" + heading + "\n")
	for _, e := range entries {
		b.WriteString(entry(e[0], plain(e[1]), widest, columns))
	}
	return b.String()
}

// Capital is a text with a capital letter in front.
func Capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// brief is the synopsis up to a colon or semicolon; the rest is shown with "mage help TARGET".
func (t Target) brief() string {
	text, _, _ := strings.Cut(t.Synopsis, "; ")
	text, _, _ = strings.Cut(text, ": ")
	return strings.TrimSuffix(text, ".")
}

// entry is a name and its text beside it, or below it where the screen is narrow.
func entry(name, text string, widest, columns int) string {
	if columns < narrowest || widest > columns/2 {
		return indent + name + "\n" + fill(text, indent+indent, indent+indent, columns)
	}
	first := indent + fmt.Sprintf("%-*s", widest, name) + indent
	return fill(text, first, strings.Repeat(" ", len(first)), columns)
}

// fill breaks text between words into lines of at most so many columns. The first line begins
// with first, the others with next. A word that is longer than a line gets its own.
func fill(text, first, next string, columns int) string {
	var b strings.Builder
	line, empty := first, true
	for word := range strings.FieldsSeq(text) {
		if !empty && len([]rune(line))+1+len([]rune(word)) > columns {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, empty = next, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	return b.String()
}
