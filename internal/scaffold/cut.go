package scaffold

import (
	"bytes"
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/im2-audio/im2/internal/compose/composefile"
	"github.com/im2-audio/im2/internal/compose/edit"
)

var errCut = errors.New("the file cannot be changed safely, perhaps since something else uses an anchor in it")

// cut returns a Compose file's text without a service, and the same text where it has none. All other bytes and their meaning
// stay; if that is impossible, it returns an error.
func cut(path string, text []byte, name string) ([]byte, error) {
	f, err := composefile.Parse(path, text)
	if err != nil {
		return nil, err
	}
	a := adder{File: f}
	a.root, a.key, a.at = services(f)
	if found, _ := pair(a.at, name); found == nil {
		return text, nil
	}
	for _, edits := range a.cuts(name) {
		var plan edit.Plan
		plan.Add(edits...)
		after := plan.Apply(text)
		n, err := composefile.Parse(path, after)
		if err != nil {
			continue
		}
		_, _, at := services(n)
		if found, _ := pair(at, name); found == nil && kept(after, text, name) {
			return after, nil
		}
	}
	return nil, errCut
}

// cuts returns the ways to take a service out, the best first.
func (a adder) cuts(name string) [][]edit.Edit {
	i := 0
	for a.at.Content[i].Value != name {
		i += 2
	}
	key := a.at.Content[i]
	var next *yaml.Node
	if i+2 < len(a.at.Content) {
		next = a.at.Content[i+2]
	}
	if a.at.Style&yaml.FlowStyle != 0 {
		return a.outOfBraces(key, next)
	}
	last := a.end(key.Line, key.Column)
	first := []int{key.Line}
	if len(a.at.Content) > 2 && key.Line > 1 && a.blank(key.Line-1) && (next == nil || a.blank(last)) {
		first = []int{key.Line - 1, key.Line} // with the empty line between it and the others, unless that belongs to a text
	}
	var all [][]edit.Edit
	for _, line := range first {
		start, end := a.Start(line), a.Start(last)
		if end == len(a.Text) && !bytes.HasSuffix(a.Text, []byte("\n")) {
			start -= len(a.Newline()) // the file goes on having no line end at its end
		}
		edits := []edit.Edit{{Start: start, End: end}}
		if len(a.at.Content) == 2 {
			at := a.Offset(a.key.Line, a.key.Column)
			at += bytes.IndexByte(a.Text[at:], ':') + 1
			if at == start {
				edits[0].New = " {}"
			} else {
				edits = append(edits, edit.Edit{Start: at, End: at, New: " {}"})
			}
		}
		all = append(all, edits)
	}
	return all
}

// outOfBraces takes a service out of a mapping in braces, whose end the parser does not tell: each brace behind it may be that.
func (a adder) outOfBraces(key, next *yaml.Node) (all [][]edit.Edit) {
	start := a.Offset(key.Line, key.Column)
	if next != nil {
		return [][]edit.Edit{{{Start: start, End: a.Offset(next.Line, next.Column)}}}
	}
	if len(a.at.Content) > 2 {
		start = bytes.LastIndexByte(a.Text[:start], ',')
	}
	for end := max(start, 0); start >= 0; {
		n := bytes.IndexByte(a.Text[end:], '}')
		if n < 0 {
			break
		}
		end += n
		before := a.Text[start:end]
		space := len(before) - len(strings.TrimRight(string(before), " \t\r\n"))
		all = append(all, []edit.Edit{{Start: start, End: end - space}})
		end++
	}
	return all
}
