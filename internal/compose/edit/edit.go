// Package edit changes files by replacing pieces of their text, so that comments, order,
// indentation and line ends of the rest stay as somebody wrote them.
package edit

import (
	"cmp"
	"slices"
)

// Edit replaces the bytes from Start up to End.
type Edit struct {
	Start, End int
	New        string
}

// Plan gathers edits of one text.
type Plan struct {
	edits []Edit
}

// Add takes up edits that belong together: all of them, or none where one meets an edit
// that is there already. An edit that is there already in the same words is no conflict,
// and neither are insertions at one place: they come out in the order of their adding.
func (p *Plan) Add(edits ...Edit) bool {
	var fresh []Edit
	for _, e := range edits {
		if slices.Contains(p.edits, e) || slices.Contains(fresh, e) {
			continue
		}
		if slices.ContainsFunc(p.edits, e.meets) || slices.ContainsFunc(fresh, e.meets) {
			return false
		}
		fresh = append(fresh, e)
	}
	p.edits = append(p.edits, fresh...)
	return true
}

func (e Edit) meets(o Edit) bool {
	if e.Start == e.End && o.Start == o.End {
		return false
	}
	return e.Start < o.End && o.Start < e.End || e.Start == o.Start
}

// Empty reports whether there is nothing to change.
func (p *Plan) Empty() bool { return len(p.edits) == 0 }

// Apply returns the text with all edits made.
func (p *Plan) Apply(text []byte) []byte {
	edits := slices.Clone(p.edits)
	slices.SortStableFunc(edits, func(a, b Edit) int { return cmp.Compare(a.Start, b.Start) })
	out := make([]byte, 0, len(text))
	at := 0
	for _, e := range edits {
		out = append(out, text[at:e.Start]...)
		out = append(out, e.New...)
		at = e.End
	}
	return append(out, text[at:]...)
}
