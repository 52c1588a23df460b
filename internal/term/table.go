package term

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/im2-audio/im2/internal/safetext"
)

// Table writes rows below a header to standard output, columns aligned. On a terminal that is
// too narrow for that, each row is a block: its first cell, and below it the others, each
// behind its column's name.
func (u *UI) Table(header []string, rows [][]string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	text := aligned(append([][]string{header}, rows...))
	if u.outColumns > 0 && widest(text) > u.outColumns {
		text = blocks(header, rows)
	}
	_, _ = u.out.Write(text)
}

// Rows writes rows without a header to standard output, columns aligned, or as blocks as
// Table does.
func (u *UI) Rows(rows [][]string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	text := aligned(rows)
	if u.outColumns > 0 && widest(text) > u.outColumns {
		text = blocks(nil, rows)
	}
	_, _ = u.out.Write(text)
}

func aligned(rows [][]string) []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = safetext.Line(cell)
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // a buffer takes everything
	return b.Bytes()
}

func widest(text []byte) int {
	longest := 0
	for line := range bytes.Lines(text) {
		longest = max(longest, utf8.RuneCount(bytes.TrimRight(line, "\n")))
	}
	return longest
}

// blocks prints each row as lines. Lines that are still too long are the terminal's to break: nothing is cut
// off.
func blocks(header []string, rows [][]string) []byte {
	var b bytes.Buffer
	for _, row := range rows {
		for i, cell := range row {
			cell = safetext.Line(cell)
			switch {
			case i == 0:
				fmt.Fprintln(&b, cell)
			case cell == "":
			case i < len(header):
				fmt.Fprintf(&b, "  %s: %s\n", strings.ToLower(header[i]), cell)
			default:
				fmt.Fprintf(&b, "  %s\n", cell)
			}
		}
	}
	return b.Bytes()
}
